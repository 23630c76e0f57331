import { html, nothing, type PropertyDeclarations, svg, type TemplateResult } from "lit";
import type { Branding, Degraded, Understanding } from "../../api/model.js";
import type { ConnectionState } from "../../api/stream.js";
import { safeLogo } from "../branding.js";
import { Card } from "../card.js";
import type { Messages } from "../l10n/index.js";
import { icon } from "../parts.js";
import { shared } from "../styles.js";
import { clock } from "../text.js";
import { Ticker } from "../ticker.js";
import { statusStyles } from "./status-styles.js";

interface Shown {
  readonly label: string;
  readonly tone: "ok" | "warn" | "bad" | "";
  readonly text?: string;
}

function describe(state: ConnectionState, { status: t }: Messages): Shown {
  switch (state.kind) {
    case "live":
      return { label: t.live, tone: "ok" };
    case "connecting":
      return { label: t.connecting, tone: "" };
    case "reconnecting":
      return { label: t.reconnecting, tone: "warn" };
    case "signed_out":
      return { label: t.signedOut, tone: "bad", text: t.signedOutText };
    case "not_found":
      return { label: t.notFound, tone: "bad", text: t.notFoundText };
    case "incompatible":
      return { label: t.incompatible, tone: "bad", text: t.incompatibleText };
    case "down":
      return { label: t.down, tone: "bad", text: t.downText };
    default:
      return { label: t.idle, tone: "" };
  }
}

const MOODS = [
  { above: 0.25, name: "positive", tone: "ok" },
  { above: -0.25, name: "neutral", tone: "" },
  { above: -0.6, name: "unhappy", tone: "warn" },
  { above: -2, name: "angry", tone: "bad" },
] as const;

const RETRIABLE: ReadonlySet<ConnectionState["kind"]> = new Set(["reconnecting", "down", "incompatible"]);
const CURVE = { width: 44, height: 16 } as const;
/** From then on the time that a customer waits is marked. */
const LONG_WAIT_SECONDS = 120;

/** The panel's top line: whose it is, the connection, what the customer wants, how they feel, what is degraded. */
export class StatusBar extends Card {
  static override properties: PropertyDeclarations = {
    connection: { attribute: false },
    branding: { attribute: false },
    understanding: { attribute: false },
    moods: { attribute: false },
    degraded: { attribute: false },
    working: { type: Boolean },
    waitingSince: { attribute: false },
  };

  declare connection: ConnectionState;
  declare branding: Branding | null;
  declare understanding: Understanding | null;
  declare moods: readonly number[];
  declare degraded: readonly Degraded[];
  declare working: boolean;
  /** When the customer wrote what nobody has answered yet (ISO); null when nobody waits. */
  declare waitingSince: string | null;

  constructor() {
    super();
    this.connection = { kind: "idle" };
    this.branding = null;
    this.understanding = null;
    this.moods = [];
    this.degraded = [];
    this.working = false;
    this.waitingSince = null;
    new Ticker(this, () => this.waitingSince !== null);
  }

  override stops(): HTMLElement[] {
    return [];
  }

  override render(): TemplateResult {
    const { t } = this.l10n;
    const shown = describe(this.connection, t);
    const name = this.branding?.name || t.copilot;
    const logo = safeLogo(this.branding);
    const intent = this.understanding?.intent;
    return html`<header>
        ${logo ? html`<img src=${logo} alt=${name} />` : nothing}
        <div class="what">
          <h2 dir="auto">${intent ? intent.title : name}</h2>
          ${this.understanding
            ? html`<p class="meta row">
                ${this.renderMood(this.understanding)}
                <span class="row dots">
                  ${intent ? html`<span>${t.status.topic(this.l10n.percent(intent.confidence))}</span>` : nothing}
                  ${this.renderWait()}
                </span>
              </p>`
            : nothing}
        </div>
        <span class="connection ${shown.tone}" role="status"><i aria-hidden="true"></i>${shown.label}</span>
        <slot></slot>
      </header>
      <div class="progress ${this.working ? "working" : ""}"></div>
      ${shown.text
        ? html`<p class="notice ${shown.tone}">
            ${icon("warn")}<span>${shown.text}</span>
            ${RETRIABLE.has(this.connection.kind)
              ? html`<button class="quiet" @click=${this.retry}>${t.status.tryNow}</button>`
              : nothing}
          </p>`
        : nothing}
      ${this.degraded.map(
        (item) => html`<p class="notice warn">${icon("warn")}<span dir="auto">${item.message}</span></p>`,
      )}`;
  }

  private renderMood({ sentiment, trend }: Understanding): TemplateResult {
    const { t } = this.l10n;
    const mood = MOODS.find((candidate) => sentiment.score > candidate.above) ?? MOODS[3];
    const label = `${t.status.mood}: ${t.status[mood.name]}, ${t.status[trend]}`;
    return html`<span class="badge mood ${mood.tone}" title=${label}>
      ${t.status[mood.name]}${trend === "steady" ? nothing : html`<span class="hidden">, ${t.status[trend]}</span>`}
      ${this.moods.length > 1 ? this.renderCurve() : trend === "steady" ? nothing : trend === "falling" ? "↘" : "↗"}
    </span>`;
  }

  /** The mood over the last turns, the top of the curve delighted, its foot angry. */
  private renderCurve(): TemplateResult {
    const { width, height } = CURVE;
    const step = (width - 4) / (this.moods.length - 1);
    const points = this.moods.map((score, index) => [2 + index * step, 2 + ((1 - score) / 2) * (height - 4)] as const);
    const [x, y] = points.at(-1)!;
    const path = points.map((point) => point.map((part) => part.toFixed(1)).join(",")).join(" ");
    return html`<svg class="curve" viewBox="0 0 ${width} ${height}" aria-hidden="true">
      ${svg`<polyline points=${path} /><circle cx=${x} cy=${y} r="1.8" />`}
    </svg>`;
  }

  private renderWait(): TemplateResult | typeof nothing {
    if (!this.waitingSince) return nothing;
    const { t } = this.l10n;
    const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(this.waitingSince)) / 1000));
    const time = seconds < 3600 ? clock(seconds) : t.action.hours(Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60));
    return html`<span class="wait ${seconds >= LONG_WAIT_SECONDS ? "long" : ""}" title=${t.status.waitsTitle}>
      ${t.status.waits(time)}
    </span>`;
  }

  private readonly retry = (): void => {
    this.dispatchEvent(new Event("retry"));
  };

  static override styles = [shared, statusStyles];
}
