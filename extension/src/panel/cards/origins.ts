import { css, html, nothing, type TemplateResult } from "lit";
import type { Action, Provenance } from "../../api/model.js";
import type { L10n } from "../l10n/index.js";
import { humanise } from "../text.js";

/** Nobody vouches for these. */
const TO_CHECK: ReadonlySet<Provenance> = new Set(["customer_text", "knowledge", "model"]);

/** Where each argument of a proposal came from; what nobody vouches for is marked to be checked. */
export function renderOrigins(action: Action, { t }: L10n): TemplateResult | typeof nothing {
  const origins = Object.entries(action.provenance ?? {});
  if (!origins.length) return nothing;
  return html`<ul class="origins" aria-label=${t.action.origins}>
    ${origins.map(([name, origin]) => {
      const check = TO_CHECK.has(origin);
      return html`<li class=${check ? "check" : ""}>
        ${humanise(name)}: ${t.action.origin[origin]}${check ? html`<span class="badge warn">${t.action.toCheck}</span>` : nothing}
      </li>`;
    })}
  </ul>`;
}

export const originStyles = css`
  .origins {
    margin-top: 8px;
    display: grid;
    gap: 2px;
    font-size: 12px;
    color: var(--cp-muted);
  }
  .origins .check {
    color: var(--cp-text, inherit);
  }
  .origins .badge {
    margin-inline-start: 6px;
  }
`;
