import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import type { Sentence, Suggestion, SuggestionBlocked } from "../../api/model.js";
import { type Command, send } from "../commands.js";
import { confidence, head, icon, skeleton } from "../parts.js";
import type { Drafts, StreamingDraft } from "../state.js";
import { shared } from "../styles.js";
import { humanise, insertableText, segmentsOf, unsupportedIn } from "../text.js";

const REASONS = ["Wrong", "Out of date", "Off topic", "Tone"] as const;

const SUPPORT_TITLES: Record<Sentence["support"], string> = {
  supported: "Supported by the cited passage",
  fact: "From the order system",
  template: "Standard phrase of the playbook",
  unsupported: "No source supports this sentence: change it before use",
};

/** The reply draft: streams in, then shows sentence by sentence what it rests on. */
export class SuggestionCard extends LitElement {
  static override properties = {
    drafts: { attribute: false },
    working: { type: Boolean },
    citationNumber: { attribute: false },
    hotkey: { type: Number },
    used: { attribute: false },
    editing: { state: true },
    rejecting: { state: true },
    editedText: { state: true },
  };

  declare drafts: Drafts;
  /** The server is still working on this revision, so a draft may yet come. */
  declare working: boolean;
  /** The number of a passage in the knowledge card. */
  declare citationNumber: (passageId: string) => number;
  declare hotkey: number;
  /** What has been done with the draft already, in words; null when nothing. */
  declare used: string | null;
  /** The draft being edited: it stays open, whatever arrives meanwhile, until inserted or cancelled. */
  private declare editing: Suggestion | null;
  private declare rejecting: boolean;
  private declare editedText: string;

  constructor() {
    super();
    this.drafts = { completed: null, streaming: [], blocked: [] };
    this.working = false;
    this.citationNumber = () => 0;
    this.hotkey = 0;
    this.used = null;
    this.editing = null;
    this.rejecting = false;
    this.editedText = "";
  }

  /** Inserts the draft as its number key does. */
  activate(): void {
    if (this.editing) this.insertEdited(this.editing);
    else if (this.drafts.completed) this.insert(this.drafts.completed);
  }

  stops(): HTMLElement[] {
    return [...this.renderRoot.querySelectorAll<HTMLElement>(".card")];
  }

  override render(): TemplateResult | typeof nothing {
    const { completed, streaming, blocked } = this.drafts;
    const stream = streaming[0];
    if (this.editing) return this.renderEditing(this.editing);
    if (completed) return this.renderCompleted(completed, stream);
    if (stream) return this.renderStreaming(stream);
    if (blocked.length) return this.renderBlocked(blocked);
    return this.working ? html`<section class="card" tabindex="-1" aria-label="Suggested reply">
      ${head("reply", "Suggested reply")}${skeleton(3, "Writing a draft")}
    </section>` : nothing;
  }

  private renderStreaming(stream: StreamingDraft): TemplateResult {
    return html`<section class="card" tabindex="-1" aria-label="Suggested reply" aria-busy="true">
      ${head("reply", "Suggested reply", html`<span class="badge">${drafterName(stream.drafter)} · writing</span>`)}
      <p class="draft">${stream.text}<i class="caret" aria-hidden="true"></i></p>
    </section>`;
  }

  private renderBlocked(blocked: readonly SuggestionBlocked[]): TemplateResult {
    return html`<section class="card" tabindex="-1" aria-label="Suggested reply">
      ${head("reply", "Suggested reply", html`<span class="badge warn">No draft</span>`)}
      <ul class="blocked">
        ${blocked.map((block) => html`<li>${block.message || humanise(block.reason)}</li>`)}
      </ul>
    </section>`;
  }

  private renderCompleted(draft: Suggestion, stream: StreamingDraft | undefined): TemplateResult {
    const meta = html`<span class="badge" title="Who wrote this draft">${drafterName(draft.drafter)}</span>
      ${confidence(draft.confidence)}`;
    return html`<section class="card ready" tabindex="-1" aria-label="Suggested reply">
      ${head("reply", "Suggested reply", meta)}
      <p class="draft">${this.renderSentences(draft)}</p>
      ${this.renderSupport(draft)} ${this.renderActions(draft)}
      ${this.rejecting ? this.renderReasons(draft) : nothing}
      ${stream ? html`<p class="meta later">${drafterName(stream.drafter)} is writing another draft …</p>` : nothing}
      ${this.drafts.blocked.map(
        (block) => html`<p class="meta later">
          ${drafterName(block.drafter)}: ${block.message || humanise(block.reason)}
        </p>`,
      )}
    </section>`;
  }

  private renderSentences(draft: Suggestion): TemplateResult[] {
    return segmentsOf(draft).map(({ text, sentence }) => {
      if (!sentence) return html`${text}`;
      const { support } = sentence;
      const shown = support === "unsupported" ? html`<del>${text}</del>` : html`${text}`;
      return html`<span class="sentence ${support}" title=${SUPPORT_TITLES[support]}>${shown}${this.renderMarks(sentence)}</span>`;
    });
  }

  private renderMarks(sentence: Sentence): unknown {
    if (sentence.support === "fact") {
      return html`<span class="fact-mark" title=${SUPPORT_TITLES.fact}>order</span>`;
    }
    const numbered = new Map(sentence.citations.map((c) => [this.citationNumber(c.passage_id), c]));
    return [...numbered].map(
      ([number, citation]) => html`<button
        class="cite"
        title=${`${citation.title}${citation.clause ? ` §${citation.clause}` : ""}: “${citation.quote}”`}
        aria-label=${`Source ${number}: ${citation.title}`}
        @click=${() => send(this, { kind: "show-passage", passageId: citation.passage_id })}
      >${number}</button>`,
    );
  }

  private renderSupport(draft: Suggestion): TemplateResult {
    const count = (support: Sentence["support"]): number =>
      draft.sentences.filter((sentence) => sentence.support === support).length;
    const unsupported = count("unsupported");
    const parts = [
      [count("supported"), "with source"],
      [count("fact"), "from the order"],
      [count("template"), "standard"],
    ] as const;
    return html`<p class="meta row support">
      <span class="row dots">
        ${parts.filter(([n]) => n > 0).map(([n, label]) => html`<span>${n} ${label}</span>`)}
      </span>
      ${unsupported
        ? html`<span class="badge bad">${icon("warn")} ${unsupported} unsupported, left out</span>`
        : nothing}
    </p>`;
  }

  private renderActions(draft: Suggestion): TemplateResult {
    const text = insertableText(draft);
    return html`<div class="row actions">
      <button class="primary" ?disabled=${!text} @click=${() => this.insert(draft)}>
        Insert ${this.hotkey ? html`<kbd aria-hidden="true">${this.hotkey}</kbd>` : nothing}
      </button>
      <button @click=${() => this.edit(draft)}>${icon("edit")} Edit</button>
      <button
        class="icon"
        title="Copy"
        aria-label="Copy the draft"
        ?disabled=${!text}
        @click=${() => this.command({ kind: "copy-suggestion", id: draft.id, text })}
      >${icon("copy")}</button>
      <span class="grow"></span>
      ${this.used
        ? html`<span class="badge ok used">${icon("check")} ${this.used}</span>`
        : html`<button
            class="icon"
            title="Not useful"
            aria-label="This draft is not useful"
            aria-expanded=${this.rejecting}
            @click=${() => (this.rejecting = !this.rejecting)}
          >${icon("down")}</button>`}
    </div>`;
  }

  private renderReasons(draft: Suggestion): TemplateResult {
    return html`<div class="row reasons" role="group" aria-label="What is wrong with it?">
      <span class="meta">What is wrong?</span>
      ${REASONS.map((reason) => html`<button @click=${() => this.reject(draft, reason)}>${reason}</button>`)}
    </div>`;
  }

  private renderEditing(draft: Suggestion): TemplateResult {
    const left = unsupportedIn(this.editedText, draft);
    const overtaken = this.drafts.completed?.id !== draft.id;
    return html`<section class="card ready" tabindex="-1" aria-label="Suggested reply">
      ${head("reply", "Edit the reply", html`<span class="badge">${drafterName(draft.drafter)}</span>`)}
      <textarea
        aria-label="Edit the draft"
        aria-describedby="left"
        .value=${this.editedText}
        @input=${(event: Event) => (this.editedText = (event.target as HTMLTextAreaElement).value)}
        @keydown=${(event: KeyboardEvent) => this.onEditorKey(event, draft)}
      ></textarea>
      <p id="left" class="left" role="status">
        ${left.length ? html`No source supports this, so change or remove it: <q>${left[0]}</q>` : nothing}
      </p>
      ${overtaken
        ? html`<p class="meta later">The conversation has moved on since this draft. Check that it still fits.</p>`
        : nothing}
      <div class="row actions">
        <button
          class="primary"
          ?disabled=${!this.editedText.trim() || left.length > 0}
          @click=${() => this.insertEdited(draft)}
        >Insert edited</button>
        <button @click=${() => (this.editing = null)}>Cancel</button>
      </div>
    </section>`;
  }

  private onEditorKey(event: KeyboardEvent, draft: Suggestion): void {
    if (event.key === "Escape") this.editing = null;
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.insertEdited(draft);
  }

  private edit(draft: Suggestion): void {
    this.editing = draft;
    this.editedText = draft.text;
    this.rejecting = false;
    void this.updateComplete.then(() => this.renderRoot.querySelector("textarea")?.focus());
  }

  private insert(draft: Suggestion): void {
    const text = insertableText(draft);
    if (text) this.command({ kind: "insert-suggestion", id: draft.id, text, edited: false });
  }

  private insertEdited(draft: Suggestion): void {
    const text = this.editedText.trim();
    if (!text || unsupportedIn(text, draft).length) return;
    this.editing = null;
    this.command({ kind: "insert-suggestion", id: draft.id, text, edited: text !== draft.text.trim() });
  }

  private reject(draft: Suggestion, reason: string): void {
    this.rejecting = false;
    this.command({ kind: "reject-suggestion", id: draft.id, reason });
  }

  private command(command: Command): void {
    send(this, command);
  }

  static override styles = [
    shared,
    css`
      .ready {
        border-color: color-mix(in srgb, var(--cp-accent) 45%, var(--cp-line));
      }
      .draft {
        white-space: pre-wrap;
        font-size: 14px;
        line-height: 1.55;
      }
      .caret {
        display: inline-block;
        width: 2px;
        height: 1em;
        margin-left: 2px;
        vertical-align: -2px;
        background: var(--cp-accent);
        animation: breathe 1s step-end infinite;
      }
      .fact-mark {
        font-size: 10.5px;
        font-weight: 600;
        color: var(--cp-ok);
        background: var(--cp-ok-soft);
        border-radius: 4px;
        padding: 0 4px;
        margin-left: 3px;
        vertical-align: 2px;
        line-height: 1.3;
        display: inline-block;
      }
      .unsupported del {
        color: var(--cp-bad);
        background: var(--cp-bad-soft);
      }
      .cite {
        min-height: 17px;
        min-width: 17px;
        padding: 0 4px;
        margin-left: 3px;
        font-size: 10.5px;
        font-weight: 700;
        vertical-align: 2px;
        border: 0;
        border-radius: 5px;
        color: var(--cp-accent);
        background: var(--cp-accent-soft);
      }
      .cite:hover {
        background: var(--cp-accent);
        color: var(--cp-on-accent);
      }
      .support {
        margin-top: 8px;
        justify-content: space-between;
      }
      .badge svg {
        width: 12px;
        height: 12px;
        vertical-align: -2px;
      }
      .actions {
        margin-top: 10px;
      }
      .grow {
        flex: 1;
      }
      .reasons {
        margin-top: 10px;
        padding-top: 10px;
        border-top: 1px solid var(--cp-line);
      }
      .reasons button {
        min-height: 26px;
        font-size: 12px;
        padding: 0 9px;
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

function drafterName(drafter: Suggestion["drafter"]): string {
  return drafter === "llm" ? "Language model" : "Composer";
}
