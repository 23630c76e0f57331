import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { Alert, PartialTurn, Understanding } from "../../api/model.js";
import { Card } from "../card.js";
import { send } from "../commands.js";
import { head, icon } from "../parts.js";
import { shared } from "../styles.js";

/** Something a representative should know before they answer. */
interface Note {
  readonly key: string;
  readonly tone: "bad" | "warn";
  readonly label: string;
  readonly text: string;
  readonly turnIds: readonly string[];
  /** A supervisor has been told. */
  readonly told: boolean;
}

/** From then on a signal is drawn as grave. */
const GRAVE = 0.7;

/** What is being said just now, and what is going wrong: risks and alerts with their reason, promises, doubts. */
export class AttentionCard extends Card {
  static override properties: PropertyDeclarations = {
    understanding: { attribute: false },
    alerts: { attribute: false },
    partials: { attribute: false },
  };

  declare understanding: Understanding | null;
  declare alerts: readonly Alert[];
  declare partials: readonly PartialTurn[];

  constructor() {
    super();
    this.understanding = null;
    this.alerts = [];
    this.partials = [];
  }

  override render(): TemplateResult {
    const notes = [...this.risks(), ...this.promises(), ...this.doubts()];
    return html`${this.partials.length ? this.renderHearing() : nothing}
    ${notes.length ? this.renderNotes(notes) : nothing}`;
  }

  private renderHearing(): TemplateResult {
    const { t } = this.l10n;
    return html`<section class="card" tabindex="-1" aria-label=${t.attention.hearing}>
      ${head("wave", t.attention.hearing)}
      <ul class="hearing">
        ${repeat(
          this.partials,
          (partial) => partial.turn_id,
          (partial) => html`<li>
            <span class="meta">${t.attention[partial.speaker]}</span>
            <p dir="auto">${partial.text}<i class="caret" aria-hidden="true"></i></p>
          </li>`,
        )}
      </ul>
    </section>`;
  }

  private renderNotes(notes: readonly Note[]): TemplateResult {
    const { t } = this.l10n;
    return html`<section class="card" tabindex="-1" aria-label=${t.attention.title}>
      ${head("warn", t.attention.title)}
      <ul class="notes">
        ${repeat(
          notes,
          (note) => note.key,
          (note) => html`<li class=${note.tone}>
            <p>
              <span class="badge ${note.tone}">${note.label}</span>
              <span dir="auto">${note.text}</span>
              ${note.told ? html`<span class="meta">· ${t.attention.told}</span>` : nothing}
              ${note.turnIds.length
                ? html`<button
                    class="quiet turns"
                    title=${t.attention.show}
                    aria-label=${`${t.attention.show}: ${note.text}`}
                    @click=${() => send(this, { kind: "show-turns", turnIds: note.turnIds })}
                  >${icon("reply")}</button>`
                : nothing}
            </p>
          </li>`,
        )}
      </ul>
    </section>`;
  }

  /** Alerts stay for the whole conversation; a signal that led to one is not said twice. */
  private risks(): Note[] {
    const { t } = this.l10n;
    const alerts = this.alerts.map((alert): Note => ({
      key: alert.id,
      tone: "bad",
      label: t.attention[alert.reason],
      text: alert.message,
      turnIds: alert.turn_ids ?? [],
      told: true,
    }));
    const told = new Set(this.alerts.map((alert) => alert.reason));
    const signals = (this.understanding?.signals ?? [])
      .filter((signal) => !told.has(signal.kind))
      .map((signal): Note => ({
        key: signal.kind,
        tone: signal.level >= GRAVE ? "bad" : "warn",
        label: t.attention[signal.kind],
        text: signal.why,
        turnIds: signal.turn_ids ?? [],
        told: false,
      }));
    return [...alerts, ...signals];
  }

  private promises(): Note[] {
    const { t } = this.l10n;
    return (this.understanding?.promises ?? []).map((promise): Note => {
      const day = promise.due_on && this.l10n.day(promise.due_on);
      const when = promise.overdue ? (day ? t.attention.overdue(day) : t.attention.late) : day && t.attention.due(day);
      return {
        key: `${promise.turn_id} ${promise.text}`,
        tone: promise.overdue ? "bad" : "warn",
        label: promise.said_by === "representative" ? t.attention.promise : t.attention.promisedBefore,
        text: when ? `${promise.text} (${when})` : promise.text,
        turnIds: [promise.turn_id],
        told: false,
      };
    });
  }

  /** What may be misread, such as a number whose check digit does not fit. */
  private doubts(): Note[] {
    return (this.understanding?.entities ?? []).flatMap((entity): Note[] =>
      entity.doubt
        ? [
            {
              key: `${entity.turn_id} ${entity.start}`,
              tone: "warn",
              label: this.l10n.t.attention.doubt,
              text: `${entity.text}: ${entity.doubt}`,
              turnIds: [entity.turn_id],
              told: false,
            },
          ]
        : [],
    );
  }

  static override styles = [
    shared,
    css`
      :host {
        display: contents;
      }
      ul {
        display: grid;
        gap: 7px;
      }
      .notes .badge {
        margin-inline-end: 3px;
      }
      .hearing p {
        color: var(--cp-muted);
        font-style: italic;
      }
      .caret {
        display: inline-block;
        width: 2px;
        height: 1em;
        margin-inline-start: 3px;
        vertical-align: -2px;
        background: var(--cp-accent);
        animation: breathe 1s step-end infinite;
      }
    `,
  ];
}
