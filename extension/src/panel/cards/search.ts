import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { Citation, FoundKnowledge } from "../../api/model.js";
import { Card } from "../card.js";
import { send } from "../commands.js";
import { messageOf, request } from "../requests.js";
import { shared } from "../styles.js";
import { passageStyles, renderPassage } from "./passage.js";

type Found = FoundKnowledge["passages"][number];

const LIMIT = 8;

/** Searches the knowledge base as the live path does, also as it stood on another day. */
export class SearchBox extends Card {
  static override properties: PropertyDeclarations = {
    found: { state: true },
    busy: { state: true },
    problem: { state: true },
    unfolded: { state: true },
  };

  private declare found: FoundKnowledge | null;
  private declare busy: boolean;
  private declare problem: string;
  private declare unfolded: ReadonlySet<string>;
  private attempt = 0;

  constructor() {
    super();
    this.found = null;
    this.busy = false;
    this.problem = "";
    this.unfolded = new Set();
  }

  override focus(): void {
    this.renderRoot.querySelector("input")?.focus();
  }

  override stops(): HTMLElement[] {
    return [...this.renderRoot.querySelectorAll<HTMLElement>("li[tabindex]")];
  }

  override render(): TemplateResult {
    const { t } = this.l10n;
    return html`<form role="search" @submit=${this.search}>
        <div class="line">
          <input name="query" type="search" required maxlength="1000" placeholder=${t.finder.searchHint} aria-label=${t.finder.searchHint} dir="auto" />
          <button class="primary" ?disabled=${this.busy}>${t.finder.go}</button>
        </div>
        <div class="row filters">
          <label class="choice">${t.finder.asOf} <input name="as_of" type="date" /></label>
          <label class="choice"><input name="public" type="checkbox" /> ${t.finder.publicOnly}</label>
        </div>
      </form>
      <div aria-live="polite" class="hidden">${this.found ? t.knowledge.shown(this.found.passages.length) : ""}</div>
      ${this.problem ? html`<p class="error" role="alert">${this.problem}</p>` : nothing}
      ${this.found ? this.renderFound(this.found) : nothing}`;
  }

  private renderFound(found: FoundKnowledge): TemplateResult {
    const { t } = this.l10n;
    if (!found.passages.length) return html`<p class="meta">${t.finder.nothing}</p>`;
    return html`${found.answerable ? nothing : html`<p class="meta">${t.finder.notSure}</p>`}
      <ol class="passages">
        ${repeat(
          found.passages,
          ({ passage }) => passage.id,
          (passage, index) => this.renderFoundPassage(passage, index + 1),
        )}
      </ol>`;
  }

  private renderFoundPassage(found: Found, number: number): TemplateResult {
    const { t } = this.l10n;
    const { passage, document } = found;
    const citation = found.quote ?? wholePassage(found);
    const view = {
      number,
      citation,
      text: passage.text,
      confidence: found.confidence,
      updatedOn: document.valid_from ?? null,
      stale: found.stale,
      conflict: found.conflicts_with.length ? t.knowledge.contradictsAnother : null,
      unfolded: this.unfolded.has(passage.id),
      pointedAt: false,
    };
    const { quote } = citation;
    const does = {
      toggle: () => this.toggle(passage.id),
      copy: () => send(this, { kind: "copy", text: quote, what: t.knowledge.quote }),
      insert: () => send(this, { kind: "insert", text: quote, mode: "append", suggestionId: null, edited: false }),
    };
    return renderPassage(view, does, this.l10n);
  }

  private toggle(id: string): void {
    const unfolded = new Set(this.unfolded);
    if (!unfolded.delete(id)) unfolded.add(id);
    this.unfolded = unfolded;
  }

  private readonly search = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const query = String(form.get("query")).trim();
    if (!query) return;
    const asOf = String(form.get("as_of"));
    const attempt = (this.attempt += 1);
    this.busy = true;
    this.problem = "";
    try {
      const found = await request(this, "search", {
        query,
        limit: LIMIT,
        ...(asOf ? { as_of: asOf } : {}),
        ...(form.get("public") ? { audiences: ["public"] } : {}),
      });
      if (attempt === this.attempt) this.found = found;
    } catch (error) {
      if (attempt === this.attempt) this.problem = messageOf(error, this.l10n);
    } finally {
      if (attempt === this.attempt) this.busy = false;
    }
  };

  static override styles = [
    shared,
    passageStyles,
    css`
      .filters {
        margin-top: 6px;
        gap: 14px;
      }
      ol,
      p {
        margin-top: 10px;
      }
    `,
  ];
}

/** A passage of which no sentence answers best, as a citation of all of it. */
function wholePassage({ passage, document }: Found): Citation {
  return {
    passage_id: passage.id,
    document_id: passage.document_id,
    external_id: document.external_id,
    title: document.title,
    version: document.version ?? "",
    heading_path: passage.heading_path,
    clause: passage.clause,
    page: passage.page,
    quote: passage.text,
    start: passage.start,
    end: passage.end,
    audience: document.audience ?? "internal",
    source: document.source ?? "",
  };
}
