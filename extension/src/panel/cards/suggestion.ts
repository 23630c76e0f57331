import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from "lit";
import type { Suggestion, SuggestionBlocked, Transform } from "../../api/model.js";
import { Card } from "../card.js";
import { type InsertMode, send } from "../commands.js";
import { type Drafts, NO_DRAFTS, type StreamingDraft } from "../drafts.js";
import { loadMore } from "../elements.js";
import { confidence, head, icon, skeleton } from "../parts.js";
import { messageOf, request } from "../requests.js";
import { shared } from "../styles.js";
import { insertableText, type Worded } from "../text.js";
import { draftStyles, renderSentences, renderSupport } from "./draft-text.js";
import { renderTools, toolStyles, type Version, versionOf } from "./draft-tools.js";
import { renderRating } from "./rating.js";
import type { ReplyEditor } from "./reply-editor.js";
import { suggestionStyles } from "./suggestion-styles.js";

/** What stands in the editor: a draft, or (null) the representative's own words. */
interface Editing {
  readonly draft: Suggestion | null;
  readonly worded: Worded;
}

/** The reply draft: streams in, then shows sentence by sentence what it rests on. */
export class SuggestionCard extends Card {
  static override properties: PropertyDeclarations = {
    drafts: { attribute: false },
    working: { type: Boolean },
    citationNumber: { attribute: false },
    hotkey: { type: Number },
    used: { attribute: false },
    customerLanguage: { attribute: false },
    open: { type: Boolean },
    editing: { state: true },
    rejecting: { state: true },
    versions: { state: true },
    rewording: { state: true },
    problem: { state: true },
    formerShown: { state: true },
    language: { state: true },
  };

  declare drafts: Drafts;
  /** The server is still working on this revision, so a draft may yet come. */
  declare working: boolean;
  /** The number of a passage in the knowledge card. */
  declare citationNumber: (passageId: string) => number;
  declare hotkey: number;
  /** What has been done with the draft already, in words; null when nothing. */
  declare used: string | null;
  /** ISO 639-1; what a translation goes into unless another language is chosen. */
  declare customerLanguage: string | null;
  /** Whether the conversation goes on. */
  declare open: boolean;
  /** It stays open, whatever arrives meanwhile, until inserted or cancelled. */
  private declare editing: Editing | null;
  private declare rejecting: boolean;
  /** The draft reworded, again and again; the last one is shown. */
  private declare versions: readonly Version[];
  private declare rewording: Transform | null;
  private declare problem: string;
  private declare formerShown: boolean;
  private declare language: string;

  constructor() {
    super();
    this.drafts = NO_DRAFTS;
    this.working = false;
    this.citationNumber = () => 0;
    this.hotkey = 0;
    this.used = null;
    this.customerLanguage = null;
    this.open = false;
    this.editing = null;
    this.language = "";
    this.rejecting = false;
    this.versions = [];
    this.rewording = null;
    this.problem = "";
    this.formerShown = false;
  }

  /** Inserts the draft as its number key does. */
  activate(mode: InsertMode = "insert"): void {
    const editor = this.renderRoot.querySelector<ReplyEditor>("copilot-reply-editor");
    if (editor) editor.activate();
    else if (this.drafts.completed) this.insert(this.drafts.completed, mode);
  }

  override stops(): HTMLElement[] {
    const editor = this.renderRoot.querySelector<ReplyEditor>("copilot-reply-editor");
    return editor ? editor.stops() : super.stops();
  }

  async edit(): Promise<void> {
    await loadMore();
    const draft = this.drafts.completed;
    if (draft) this.editing = { draft, worded: this.wordedOf(draft) };
  }

  /** Opens the editor on what stands in the host's reply box. */
  async writeOwn(): Promise<void> {
    const [text] = await Promise.all([request(this, "own-text", {}).catch(() => ""), loadMore()]);
    this.editing = { draft: null, worded: { text, sentences: [] } };
  }

  copy(): void {
    const draft = this.drafts.completed;
    if (!draft) return;
    const text = insertableText(this.wordedOf(draft));
    const edited = this.versions.length > 0;
    if (text) send(this, { kind: "copy", text, what: this.l10n.t.panel.draft, suggestionId: draft.id, edited });
  }

  async transform(how: Transform): Promise<void> {
    const draft = this.drafts.completed;
    if (!draft || this.rewording) return;
    const before = this.wordedOf(draft);
    const language = how === "translate" ? this.targetLanguage : null;
    const what = this.versions.length ? { text: insertableText(before) } : { suggestion_id: draft.id };
    this.rewording = how;
    this.problem = "";
    try {
      const result = await request(this, "transform", { how, language, ...what });
      if (this.drafts.completed?.id !== draft.id) return;
      if (result.changed) this.versions = [...this.versions, versionOf(result, before)];
      else this.problem = this.l10n.t.reply.unchanged;
    } catch (error) {
      if (this.drafts.completed?.id === draft.id) this.problem = messageOf(error, this.l10n);
    } finally {
      this.rewording = null;
    }
  }

  /** Takes back the last rewording, else the change of drafts. */
  undo(): void {
    if (this.versions.length) this.versions = this.versions.slice(0, -1);
    else if (this.drafts.former) void this.restore(this.drafts.former);
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get("drafts");
    if (!before || before.completed?.id === this.drafts.completed?.id) return;
    this.versions = [];
    this.problem = "";
    this.rejecting = false;
    this.formerShown = false;
  }

  override render(): TemplateResult | typeof nothing {
    const { completed, streaming, blocked, silent } = this.drafts;
    const stream = streaming[0];
    if (this.editing) return this.renderEditing(this.editing);
    if (completed) return this.renderCompleted(completed, stream);
    if (stream) return this.renderStreaming(stream);
    const { t } = this.l10n;
    if (silent) {
      const meta = html`<span class="badge">${t.reply.silent}</span>`;
      return this.renderCard(html`${head("reply", t.reply.title, meta)}
        <p class="meta">${t.reply[silent.reason]}</p>
        ${silent.why ? html`<p class="meta why" dir="auto">${silent.why}</p>` : nothing}
        ${this.renderOwn()}`);
    }
    if (blocked.length) return this.renderBlocked(blocked);
    if (this.working) return this.renderCard(html`${head("reply", t.reply.title)}${skeleton(3, t.reply.writing)}`);
    return this.open ? this.renderCard(html`${head("reply", t.reply.title)}${this.renderOwn()}`) : nothing;
  }

  private renderCard(content: TemplateResult, busy = false): TemplateResult {
    return html`<section class="card" tabindex="-1" aria-label=${this.l10n.t.reply.title} aria-busy=${busy}>${content}</section>`;
  }

  private renderEditing({ draft, worded }: Editing): TemplateResult {
    return html`<copilot-reply-editor
      .l10n=${this.l10n}
      .draft=${draft}
      .worded=${worded}
      .overtaken=${draft !== null && this.drafts.completed?.id !== draft.id}
      .language=${this.targetLanguage}
      @leave=${() => (this.editing = null)}
      @command=${this.passOn}
      @request=${this.passOn}
    ></copilot-reply-editor>`;
  }

  private renderStreaming(stream: StreamingDraft): TemplateResult {
    const { t } = this.l10n;
    const meta = html`<span class="badge">${t.reply.isWriting(t.reply.writer[stream.drafter])}</span>`;
    return this.renderCard(
      html`${head("reply", t.reply.title, meta)}
        <p class="draft" dir="auto">${stream.text}<i class="caret" aria-hidden="true"></i></p>`,
      true,
    );
  }

  private renderBlocked(blocked: readonly SuggestionBlocked[]): TemplateResult {
    const { t } = this.l10n;
    return this.renderCard(html`${head("reply", t.reply.title, html`<span class="badge warn">${t.reply.none}</span>`)}
      <ul class="blocked">
        ${blocked.map((block) => html`<li>${t.reply[block.reason]}</li>`)}
      </ul>
      ${this.renderOwn()}`);
  }

  private renderCompleted(draft: Suggestion, stream: StreamingDraft | undefined): TemplateResult {
    const { t } = this.l10n;
    const worded = this.wordedOf(draft);
    const version = this.versions.at(-1);
    const meta = html`<span class="badge" title=${t.reply.who}>${t.reply.writer[draft.drafter]}</span>
      ${version ? html`<span class="badge accent">${t.reply.reworded[version.how]}</span>` : confidence(draft.confidence, this.l10n)}`;
    const marks = {
      numberOf: this.citationNumber,
      show: (passageId: string) => send(this, { kind: "show-passage", passageId }),
    };
    return html`<section class="card ready" tabindex="-1" aria-label=${t.reply.title}>
      ${head("reply", t.reply.title, meta)}
      ${this.renderFormer(draft)}
      <p class="draft" dir="auto">${renderSentences(worded, marks, this.l10n)}</p>
      ${renderSupport(worded, this.l10n)}
      ${version?.leftOut ? html`<p class="meta">${t.reply.gone(version.leftOut)}</p>` : nothing}
      ${draft.why ? html`<p class="meta why" dir="auto">${draft.why}</p>` : nothing}
      ${this.renderActions(draft, worded)} ${this.renderTools()}
      ${this.rejecting ? this.renderRejecting(draft) : nothing}
      ${stream ? html`<p class="meta later">${t.reply.alsoWriting(t.reply.writer[stream.drafter])}</p>` : nothing}
      ${this.drafts.blocked.map((block) => html`<p class="meta later">${t.reply[block.reason]}</p>`)}
    </section>`;
  }

  /** That another drafter's text took this one's place, and how to have it back. */
  private renderFormer(draft: Suggestion): TemplateResult | typeof nothing {
    const { former } = this.drafts;
    const { t } = this.l10n;
    if (!former || former.drafter === draft.drafter) return nothing;
    return html`<div class="former">
      <p class="meta">${t.reply.replaced(t.reply.writer[draft.drafter], t.reply.writer[former.drafter])}</p>
      <div class="row">
        <button class="quiet" aria-expanded=${this.formerShown} @click=${() => (this.formerShown = !this.formerShown)}>
          ${this.formerShown ? t.reply.hideFormer : t.reply.showFormer}
        </button>
        <button class="quiet" @click=${() => this.restore(former)}>${icon("undo")} ${t.yes.undo}</button>
      </div>
      ${this.formerShown ? html`<blockquote aria-label=${t.reply.former} dir="auto">${former.text}</blockquote>` : nothing}
    </div>`;
  }

  private renderActions(draft: Suggestion, worded: Worded): TemplateResult {
    const { t } = this.l10n;
    const text = insertableText(worded);
    return html`<div class="row actions">
      <button class="primary" ?disabled=${!text} @click=${() => this.insert(draft, "insert")}>
        ${t.yes.insert} ${this.hotkey ? html`<kbd aria-hidden="true">${this.hotkey}</kbd>` : nothing}
      </button>
      <button ?disabled=${!text} @click=${() => this.insert(draft, "append")}>${t.yes.append}</button>
      <button @click=${this.edit}>${icon("edit")} ${t.yes.edit}</button>
      <button class="icon" title=${t.yes.copy} aria-label=${t.reply.copyDraft} ?disabled=${!text} @click=${this.copy}>
        ${icon("copy")}
      </button>
      <span class="grow"></span>
      ${this.used ? html`<span class="badge ok used">${icon("check")} ${this.used}</span>` : nothing}
      <button class="icon quiet" title=${t.reply.good} aria-label=${t.reply.good} @click=${() => this.rate(draft, true, "helpful")}>
        ${icon("up")}
      </button>
      <button
        class="icon quiet"
        title=${t.reply.bad}
        aria-label=${t.reply.bad}
        aria-expanded=${this.rejecting}
        @click=${() => (this.rejecting = !this.rejecting)}
      >${icon("down")}</button>
    </div>`;
  }

  private renderTools(): TemplateResult {
    return renderTools(
      {
        busy: this.rewording,
        disabled: false,
        language: this.targetLanguage,
        problem: this.problem,
        canUndo: this.versions.length > 0,
        transform: (how) => void this.transform(how),
        chooseLanguage: (language) => (this.language = language),
        undo: () => this.undo(),
      },
      this.l10n,
    );
  }

  private renderRejecting(draft: Suggestion): TemplateResult {
    return renderRating((reason) => this.rate(draft, false, reason), this.l10n);
  }

  private renderOwn(): TemplateResult | typeof nothing {
    if (!this.open) return nothing;
    return html`<div class="row own">
      <button @click=${this.writeOwn}>${icon("edit")} ${this.l10n.t.reply.own}</button>
    </div>`;
  }

  private get targetLanguage(): string {
    return this.language || this.customerLanguage || "en";
  }

  private wordedOf(draft: Suggestion): Worded {
    return this.versions.at(-1) ?? draft;
  }

  private insert(draft: Suggestion, mode: InsertMode): void {
    const text = insertableText(this.wordedOf(draft));
    if (text) send(this, { kind: "insert", text, mode, suggestionId: draft.id, edited: this.versions.length > 0 });
  }

  private async restore(former: Suggestion): Promise<void> {
    try {
      await request(this, "restore", { suggestionId: former.id });
    } catch (error) {
      this.problem = messageOf(error, this.l10n);
    }
  }

  private rate(draft: Suggestion, useful: boolean, reason: string): void {
    this.rejecting = false;
    send(this, { kind: "rate", id: draft.id, useful, reason });
  }

  static override styles = [shared, draftStyles, toolStyles, suggestionStyles];
}
