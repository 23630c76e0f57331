import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import type { Suggestion, Transform } from "../../api/model.js";
import { Card } from "../card.js";
import { type InsertMode, send } from "../commands.js";
import { head } from "../parts.js";
import { messageOf, request } from "../requests.js";
import { shared } from "../styles.js";
import { unsupportedIn, type Worded } from "../text.js";
import { renderTools, toolStyles } from "./draft-tools.js";

/** The draft in hand, or the representative's own words. Fires `leave` when it is done with. */
export class ReplyEditor extends Card {
  static override properties: PropertyDeclarations = {
    draft: { attribute: false },
    worded: { attribute: false },
    overtaken: { type: Boolean },
    language: { attribute: false },
    text: { state: true },
    past: { state: true },
    busy: { state: true },
    problem: { state: true },
  };

  /** What the text began as; null for the representative's own. */
  declare draft: Suggestion | null;
  /** The text to begin with; its unsupported sentences must not survive. */
  declare worded: Worded;
  /** The conversation has gone on since the draft. */
  declare overtaken: boolean;
  declare language: string;
  private declare text: string;
  /** What the text was before each rewording. */
  private declare past: readonly string[];
  private declare busy: Transform | null;
  private declare problem: string;

  constructor() {
    super();
    this.draft = null;
    this.worded = { text: "", sentences: [] };
    this.overtaken = false;
    this.language = "";
    this.text = "";
    this.past = [];
    this.busy = null;
    this.problem = "";
  }

  protected override willUpdate(): void {
    if (!this.hasUpdated) this.text = this.worded.text;
  }

  protected override firstUpdated(): void {
    this.renderRoot.querySelector("textarea")?.focus();
  }

  /** Inserts the text as it stands, unless something in it must not be sent. */
  activate(): void {
    this.insert("insert");
  }

  override render(): TemplateResult {
    const { t } = this.l10n;
    const left = unsupportedIn(this.text, this.worded);
    const ready = this.text.trim() !== "" && left.length === 0;
    return html`<section class="card ready" tabindex="-1" aria-label=${t.reply.title}>
      ${head(
        "edit",
        this.draft ? t.reply.editTitle : t.reply.ownTitle,
        this.draft ? html`<span class="badge">${t.reply.writer[this.draft.drafter]}</span>` : nothing,
      )}
      <textarea
        dir="auto"
        aria-label=${this.draft ? t.reply.editLabel : t.reply.ownTitle}
        aria-describedby="left"
        placeholder=${this.draft ? "" : t.reply.ownHint}
        .value=${this.text}
        @input=${(event: Event) => (this.text = (event.target as HTMLTextAreaElement).value)}
        @keydown=${this.onKey}
      ></textarea>
      <p id="left" class="left" role="status">
        ${left.length ? html`${t.reply.stillUnsupported} <q>${left[0]}</q>` : nothing}
      </p>
      ${this.draft && this.overtaken ? html`<p class="meta later">${t.reply.movedOn}</p>` : nothing}
      ${renderTools(
        {
          busy: this.busy,
          disabled: !ready,
          language: this.language,
          problem: this.problem,
          canUndo: this.past.length > 0,
          transform: (how) => void this.reword(how),
          chooseLanguage: (language) => (this.language = language),
          undo: this.undo,
        },
        this.l10n,
      )}
      <div class="row actions">
        <button class="primary" ?disabled=${!ready} @click=${() => this.insert("insert")}>
          ${this.draft ? t.reply.insertEdited : t.yes.insert}
        </button>
        <button ?disabled=${!ready} @click=${() => this.insert("append")}>${t.yes.append}</button>
        <button @click=${this.leave}>${t.yes.cancel}</button>
      </div>
    </section>`;
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.key === "Escape") this.leave();
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.insert("insert");
  };

  private insert(mode: InsertMode): void {
    const text = this.text.trim();
    if (!text || unsupportedIn(text, this.worded).length) return;
    const edited = this.draft !== null && text !== this.draft.text.trim();
    send(this, { kind: "insert", text, mode, suggestionId: this.draft?.id ?? null, edited });
    this.leave();
  }

  private async reword(how: Transform): Promise<void> {
    const before = this.text;
    this.busy = how;
    this.problem = "";
    try {
      const language = how === "translate" ? this.language : null;
      const result = await request(this, "transform", { how, text: before, language });
      if (this.text !== before) return; // Written on meanwhile: what was asked for is another text.
      if (result.changed) {
        this.past = [...this.past, before];
        this.text = result.text;
      } else this.problem = this.l10n.t.reply.unchanged;
    } catch (error) {
      this.problem = messageOf(error, this.l10n);
    } finally {
      this.busy = null;
    }
  }

  private readonly undo = (): void => {
    this.text = this.past.at(-1) ?? this.text;
    this.past = this.past.slice(0, -1);
  };

  private readonly leave = (): void => {
    this.dispatchEvent(new Event("leave"));
  };

  static override styles = [
    shared,
    toolStyles,
    css`
      .ready {
        border-color: color-mix(in srgb, var(--cp-accent) 45%, var(--cp-line));
      }
      .actions {
        margin-top: 10px;
      }
      .later {
        margin-top: 8px;
      }
      .left:not(:empty) {
        font-size: 12px;
        color: var(--cp-bad);
      }
    `,
  ];
}
