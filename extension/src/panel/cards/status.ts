import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import type { Degraded, Understanding } from "../../api/model.js";
import type { ConnectionState } from "../../api/stream.js";
import { icon } from "../parts.js";
import { shared } from "../styles.js";

interface Shown {
  readonly label: string;
  readonly tone: "ok" | "warn" | "bad" | "";
  readonly text?: string;
}

function describe(state: ConnectionState): Shown {
  switch (state.kind) {
    case "live":
      return { label: "Live", tone: "ok" };
    case "connecting":
      return { label: "Connecting", tone: "" };
    case "reconnecting":
      return { label: "Reconnecting", tone: "warn" };
    case "signed_out":
      return { label: "Not signed in", tone: "bad", text: "Sign in to see suggestions for this conversation." };
    case "not_found":
      return { label: "Not found", tone: "bad", text: "The server does not know this conversation." };
    case "incompatible":
      return { label: "Wrong server", tone: "bad", text: state.message };
    case "down":
      return { label: "Server down", tone: "bad", text: state.message };
    default:
      return { label: "No conversation", tone: "" };
  }
}

const MOODS = [
  { above: 0.25, label: "Positive", tone: "ok" },
  { above: -0.25, label: "Neutral", tone: "" },
  { above: -0.6, label: "Unhappy", tone: "warn" },
  { above: -2, label: "Angry", tone: "bad" },
] as const;

/** The panel's top line: the connection, what the customer wants, how they feel, what is degraded. */
export class StatusBar extends LitElement {
  static override properties = {
    connection: { attribute: false },
    understanding: { attribute: false },
    degraded: { attribute: false },
    working: { type: Boolean },
  };

  declare connection: ConnectionState;
  declare understanding: Understanding | null;
  declare degraded: readonly Degraded[];
  declare working: boolean;

  constructor() {
    super();
    this.connection = { kind: "idle" };
    this.understanding = null;
    this.degraded = [];
    this.working = false;
  }

  override render(): TemplateResult {
    const shown = describe(this.connection);
    const canRetry = ["reconnecting", "down", "incompatible"].includes(this.connection.kind);
    const intent = this.understanding?.intent;
    return html`<header>
        <div class="what">
          <h2>${intent ? intent.title : "Copilot"}</h2>
          ${this.understanding
            ? html`<p class="meta row">
                ${this.renderMood(this.understanding.sentiment.score)}
                ${intent ? html`<span>${Math.round(intent.confidence * 100)} % sure of the topic</span>` : nothing}
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
            ${canRetry ? html`<button class="quiet" @click=${this.retry}>Try now</button>` : nothing}
          </p>`
        : nothing}
      ${this.degraded.map(
        (item) => html`<p class="notice warn">${icon("warn")}<span>${item.message}</span></p>`,
      )}`;
  }

  private renderMood(score: number): TemplateResult {
    const mood = MOODS.find((candidate) => score > candidate.above) ?? MOODS[3];
    return html`<span class="badge mood ${mood.tone}" title="How the customer sounds">${mood.label}</span>`;
  }

  private readonly retry = (): void => {
    this.dispatchEvent(new Event("retry"));
  };

  static override styles = [
    shared,
    css`
      header {
        display: flex;
        align-items: center;
        gap: 8px;
        padding: 9px 14px;
        min-height: 56px;
      }
      .what {
        flex: 1;
        min-width: 0;
      }
      h2 {
        font-size: 15px;
        font-weight: 650;
        line-height: 1.3;
        letter-spacing: -0.005em;
      }
      .connection {
        display: inline-flex;
        align-items: center;
        gap: 5px;
        font-size: 12px;
        color: var(--cp-muted);
        white-space: nowrap;
      }
      .connection i {
        width: 8px;
        height: 8px;
        border-radius: 50%;
        background: var(--cp-line-strong);
      }
      .connection.ok i {
        background: var(--cp-ok);
      }
      .connection.warn i {
        background: var(--cp-warn);
        animation: breathe 1.2s infinite;
      }
      .connection.bad {
        color: var(--cp-bad);
      }
      .connection.bad i {
        background: var(--cp-bad);
      }
      .progress {
        height: 1px;
        background: var(--cp-line);
      }
      .working {
        background: linear-gradient(90deg, var(--cp-line) 25%, var(--cp-accent) 50%, var(--cp-line) 75%) 0 0 / 200% 100%;
        animation: sweep 1.6s linear infinite;
      }
      @keyframes sweep {
        from {
          background-position: 100% 0;
        }
        to {
          background-position: -100% 0;
        }
      }
      .notice {
        display: flex;
        align-items: center;
        gap: 8px;
        padding: 8px 14px;
        font-size: 12.5px;
        background: var(--cp-sunken);
      }
      .notice span {
        flex: 1;
      }
      .notice.warn {
        background: var(--cp-warn-soft);
        color: var(--cp-warn);
      }
      .notice.bad {
        background: var(--cp-bad-soft);
        color: var(--cp-bad);
      }
      .notice button {
        color: inherit;
        text-decoration: underline;
        min-height: 24px;
      }
    `,
  ];
}
