import { html, type TemplateResult } from "lit";
import type { L10n } from "../l10n/index.js";

/** What is recorded, whatever language the button is in. */
const REASONS = { wrong: "Wrong", outdated: "Out of date", offTopic: "Off topic", tone: "Tone" } as const;

/** Asks what is wrong with a draft: one press, or a few words. */
export function renderRating(rate: (reason: string) => void, { t }: L10n): TemplateResult {
  const say = (event: SubmitEvent): void => {
    event.preventDefault();
    const reason = String(new FormData(event.target as HTMLFormElement).get("reason") ?? "").trim();
    if (reason) rate(reason);
  };
  return html`<div class="row reasons" role="group" aria-label=${t.reply.whatIsWrong}>
    <span class="meta">${t.reply.whatIsWrong}</span>
    ${(Object.keys(REASONS) as (keyof typeof REASONS)[]).map(
      (name) => html`<button @click=${() => rate(REASONS[name])}>${t.reply.reasons[name]}</button>`,
    )}
    <form @submit=${say}>
      <input name="reason" maxlength="300" aria-label=${t.reply.otherReason} placeholder=${t.reply.otherReason} />
      <button>OK</button>
    </form>
  </div>`;
}
