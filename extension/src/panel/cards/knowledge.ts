import { css, html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { KnowledgeCard, KnowledgeCards } from "../../api/model.js";
import { Card } from "../card.js";
import { send } from "../commands.js";
import { head, icon, skeleton } from "../parts.js";
import { messageOf, request } from "../requests.js";
import { shared } from "../styles.js";
import { passageStyles, renderPassage, renderTitle } from "./passage.js";

/** Passages drawn at once; more come as the representative gets there. */
const WINDOW = 8;

/** The passages that answer, numbered as the draft cites them; or plainly that there is no answer. */
export class KnowledgeSection extends Card {
  static override properties: PropertyDeclarations = {
    knowledge: { attribute: false },
    question: { attribute: false },
    working: { type: Boolean },
    earlier: { type: Boolean },
    unfolded: { state: true },
    pointedAt: { state: true },
    shown: { state: true },
    report: { state: true },
  };

  declare knowledge: KnowledgeCards | null;
  /** What was looked for: what a gap is reported as. */
  declare question: string | null;
  declare working: boolean;
  /** True while the cards still belong to an earlier message. */
  declare earlier: boolean;
  private declare unfolded: ReadonlySet<string>;
  private declare pointedAt: string | null;
  private declare shown: number;
  private declare report: "none" | "sending" | "sent" | { readonly problem: string };
  private readonly seen = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) this.shown += WINDOW;
  });

  constructor() {
    super();
    this.knowledge = null;
    this.question = null;
    this.working = false;
    this.earlier = false;
    this.unfolded = new Set();
    this.pointedAt = null;
    this.shown = WINDOW;
    this.report = "none";
  }

  override disconnectedCallback(): void {
    this.seen.disconnect();
    super.disconnectedCallback();
  }

  override stops(): HTMLElement[] {
    return [...this.renderRoot.querySelectorAll<HTMLElement>("[tabindex]")];
  }

  /** Brings one passage into view, unfolded and marked. */
  async pointAt(passageId: string): Promise<void> {
    const index = this.knowledge?.cards.findIndex((card) => card.citation.passage_id === passageId) ?? -1;
    this.unfolded = new Set([...this.unfolded, passageId]);
    this.pointedAt = passageId;
    this.shown = Math.max(this.shown, index + 1);
    await this.updateComplete;
    const passage = this.renderRoot.querySelectorAll<HTMLElement>(".passages > li")[index];
    passage?.scrollIntoView({ block: "nearest", behavior: "smooth" });
    passage?.focus({ preventScroll: true });
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has("knowledge")) return;
    this.pointedAt = null;
    this.shown = WINDOW;
    this.report = "none";
  }

  protected override updated(): void {
    this.seen.disconnect();
    const more = this.renderRoot.querySelector(".more");
    if (more) this.seen.observe(more);
  }

  override render(): TemplateResult | typeof nothing {
    const { knowledge } = this;
    const { t } = this.l10n;
    if (!knowledge) {
      return this.working
        ? html`<section class="card" tabindex="-1" aria-label=${t.knowledge.title}>
            ${head("book", t.knowledge.title)}${skeleton(3, t.knowledge.searching)}
          </section>`
        : nothing;
    }
    const meta = this.earlier ? html`<span class="badge">${t.knowledge.earlier}</span>` : nothing;
    return html`<section class="card ${this.earlier ? "earlier" : ""}" aria-label=${t.knowledge.title}>
      ${head("book", t.knowledge.title, meta)}
      ${knowledge.answered ? this.renderConflict(knowledge.cards) : this.renderNoAnswer(knowledge)}
      ${knowledge.cards.length ? this.renderCards(knowledge.cards) : nothing}
    </section>`;
  }

  private renderCards(cards: readonly KnowledgeCard[]): TemplateResult {
    const hidden = cards.length - this.shown;
    return html`<ol class="passages">
        ${repeat(
          cards.slice(0, this.shown),
          (card) => card.citation.passage_id,
          (card, index) => this.renderCard(card, index + 1),
        )}
      </ol>
      ${hidden > 0
        ? html`<button class="quiet more" @click=${() => (this.shown += WINDOW)}>${this.l10n.t.yes.more(hidden)}</button>`
        : nothing}`;
  }

  private renderCard(card: KnowledgeCard, number: number): TemplateResult {
    const { citation } = card;
    const view = {
      number,
      citation,
      text: card.text,
      confidence: card.confidence,
      updatedOn: card.updated_on,
      stale: card.stale,
      conflict: card.conflicts_with.length ? this.conflictText(card) : null,
      unfolded: this.unfolded.has(citation.passage_id),
      pointedAt: this.pointedAt === citation.passage_id,
    };
    const does = {
      toggle: () => this.toggle(citation.passage_id),
      copy: () => send(this, { kind: "copy", text: citation.quote, what: this.l10n.t.knowledge.quote }),
    };
    return renderPassage(view, does, this.l10n);
  }

  /** The first two that contradict each other, side by side: whoever answers has to see both. */
  private renderConflict(cards: readonly KnowledgeCard[]): TemplateResult | typeof nothing {
    const { t } = this.l10n;
    const byId = new Map(cards.map((card) => [card.citation.passage_id, card]));
    const one = cards.find((card) => card.conflicts_with.some((id) => byId.has(id)));
    const other = one && byId.get(one.conflicts_with.find((id) => byId.has(id))!);
    if (!one || !other) return nothing;
    return html`<div class="conflict" role="group" aria-label=${t.knowledge.conflict}>
      <p><strong>${icon("warn")} ${t.knowledge.conflict}</strong> <span class="meta">${t.knowledge.conflictHint}</span></p>
      <div class="sides">${[one, other].map((card) => this.renderSide(card))}</div>
    </div>`;
  }

  private renderSide(card: KnowledgeCard): TemplateResult {
    const { citation, updated_on: updated } = card;
    const { t } = this.l10n;
    return html`<div>
      <h3 dir="auto">${renderTitle(citation)}</h3>
      <q dir="auto">${citation.quote}</q>
      <p class="meta">${t.knowledge.version(citation.version)}</p>
      ${updated ? html`<p class="meta">${t.knowledge.updated(this.l10n.day(updated))}</p>` : nothing}
    </div>`;
  }

  private renderNoAnswer(knowledge: KnowledgeCards): TemplateResult {
    const { t } = this.l10n;
    return html`<div class="none" tabindex="-1">
      <p><strong>${t.knowledge.none}</strong></p>
      <p class="meta">${knowledge.cards.length ? t.knowledge.nearest : t.knowledge.noPassage}</p>
      ${this.question ? this.renderReport(this.question) : nothing}
    </div>`;
  }

  private renderReport(question: string): TemplateResult {
    const { t } = this.l10n;
    if (this.report === "sent") {
      return html`<p class="report"><span class="badge ok">${icon("check")} ${t.knowledge.reported}</span></p>`;
    }
    return html`<p class="report row">
      <button ?disabled=${this.report === "sending"} @click=${() => this.reportGap(question)}>${t.knowledge.report}</button>
      ${typeof this.report === "object" ? html`<span class="error" role="alert">${this.report.problem}</span>` : nothing}
    </p>`;
  }

  private async reportGap(question: string): Promise<void> {
    this.report = "sending";
    try {
      await request(this, "report-gap", { question });
      this.report = "sent";
    } catch (error) {
      this.report = { problem: messageOf(error, this.l10n) };
    }
  }

  private conflictText(card: KnowledgeCard): string {
    const { t } = this.l10n;
    const cards = this.knowledge?.cards ?? [];
    const numbers = card.conflicts_with
      .map((id) => cards.findIndex((other) => other.citation.passage_id === id) + 1)
      .filter((number) => number > 0);
    return numbers.length ? t.knowledge.contradicts(numbers.join(", ")) : t.knowledge.contradictsAnother;
  }

  private toggle(id: string): void {
    const unfolded = new Set(this.unfolded);
    if (!unfolded.delete(id)) unfolded.add(id);
    this.unfolded = unfolded;
  }

  static override styles = [
    shared,
    passageStyles,
    css`
      .earlier .passages {
        opacity: 0.78;
      }
      .none {
        background: var(--cp-sunken);
        border-radius: 8px;
        padding: 10px 12px;
      }
      .report {
        margin-top: 8px;
      }
      .none + ol,
      .conflict + ol {
        margin-top: 12px;
      }
      .more {
        margin-top: 8px;
        width: 100%;
      }
      .conflict {
        border: 1px solid var(--cp-bad);
        border-radius: 8px;
        padding: 9px 11px;
      }
      .conflict strong {
        color: var(--cp-bad);
      }
      .conflict strong svg {
        vertical-align: -3px;
      }
      .sides {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(128px, 1fr));
        gap: 8px;
        margin-top: 7px;
      }
      .sides > div {
        background: var(--cp-sunken);
        border-radius: 6px;
        padding: 7px 9px;
      }
      .sides h3 {
        font-size: 12px;
      }
      .sides q {
        display: block;
        margin: 3px 0;
      }
    `,
  ];
}
