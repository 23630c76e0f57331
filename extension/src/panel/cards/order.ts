import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import type { Customer, Money, Order, OrderView } from "../../api/model.js";
import { repeat } from "lit/directives/repeat.js";
import { Card } from "../card.js";
import { loadMore } from "../elements.js";
import type { L10n } from "../l10n/index.js";
import { head, icon } from "../parts.js";
import { shared } from "../styles.js";
import { humanise } from "../text.js";

interface Step {
  readonly label: string;
  readonly day: string | null;
  readonly state: "done" | "next" | "bad";
}

/** The verified customer and their orders as the order system has them. */
export class OrderCard extends Card {
  static override properties: PropertyDeclarations = {
    view: { attribute: false },
    open: { type: Boolean },
    verifying: { state: true },
  };

  declare view: OrderView | null;
  /** Whether the conversation goes on, so that a customer may still be verified. */
  declare open: boolean;
  private declare verifying: boolean;

  constructor() {
    super();
    this.view = null;
    this.open = false;
    this.verifying = false;
  }

  override stops(): HTMLElement[] {
    return [...this.renderRoot.querySelectorAll<HTMLElement>("[tabindex]")];
  }

  override render(): TemplateResult | typeof nothing {
    const { view, open } = this;
    const { t } = this.l10n;
    const customer = view?.customer ?? null;
    const orders = view?.orders ?? [];
    if (!customer && !orders.length && !open) return nothing;
    const title = orders.length > 1 ? t.order.many : t.order.one;
    return html`<section class="card" tabindex="-1" aria-label=${t.order.section}>
      ${head("parcel", title, this.renderVerified(customer))}
      ${repeat(orders, (order) => order.id, (order, index) => this.renderOrder(order, customer, index === 0))}
      ${orders.length ? nothing : html`<p class="meta">${t.order.none}</p>`}
      ${customer || !open ? nothing : this.renderVerify()}
    </section>`;
  }

  private renderVerify(): TemplateResult {
    if (!this.verifying) return html`<button class="verify" @click=${this.startVerifying}>${this.l10n.t.order.verifyTitle}</button>`;
    return html`<copilot-verify
      .l10n=${this.l10n}
      @request=${this.passOn}
      @leave=${() => (this.verifying = false)}
    ></copilot-verify>`;
  }

  private readonly startVerifying = async (): Promise<void> => {
    await loadMore();
    this.verifying = true;
  };

  private renderVerified(customer: Customer | null): TemplateResult {
    const { t } = this.l10n;
    if (!customer) return html`<span class="badge warn">${t.order.unverified}</span>`;
    const tier = customer.loyalty_tier;
    return html`<span class="customer" title=${customer.email} dir="auto">${customer.first_name} ${customer.last_name}</span>
      ${tier ? html`<span class="badge">${humanise(tier)}</span>` : nothing}
      <span class="badge ok">${icon("check")} ${t.order.verified}</span>`;
  }

  private renderOrder(order: Order, customer: Customer | null, open: boolean): TemplateResult {
    const { t } = this.l10n;
    const { paid, refunded } = totalsOf(order);
    return html`<details ?open=${open} tabindex="-1">
      <summary>
        ${icon("chevron")}
        <strong>${order.id}</strong>
        <span class="badge ${toneOf(order.status)}">${humanise(order.status)}</span>
        <span class="grow"></span>
        ${paid ? html`<span class="sum">${this.l10n.money(paid)}</span>` : nothing}
      </summary>
      <ol class="steps">
        ${stepsOf(order, this.l10n).map(
          (step) => html`<li class=${step.state}>
            <span>${step.label}</span>
            <span class="meta">${step.day ?? "–"}</span>
          </li>`,
        )}
      </ol>
      <ul class="lines">
        ${order.items.map(
          (item) => html`<li>
            <span>
              ${item.name}
              <span class="meta">${Object.values(item.options ?? {}).join(", ")}</span>
              ${item.final_sale ? html`<span class="badge warn">${t.order.finalSale}</span>` : nothing}
            </span>
            <span class="sum">${this.l10n.money(item.price)}</span>
          </li>`,
        )}
        ${order.shipping_fee?.minor
          ? html`<li class="meta"><span>${t.order.shipping}</span><span class="sum">${this.l10n.money(order.shipping_fee)}</span></li>`
          : nothing}
      </ul>
      <ul class="lines money">
        ${order.payments.map(
          (payment) => html`<li>
            <span>
              ${payment.transaction_type === "refund" ? t.order.refunded : t.order.paid}
              <span class="meta">${methodName(customer, payment.payment_method_id, t.order.giftCard)}</span>
            </span>
            <span class="sum">${payment.transaction_type === "refund" ? "−" : ""}${this.l10n.money(payment.amount)}</span>
          </li>`,
        )}
        ${paid && refunded?.minor
          ? html`<li class="left">
              <span>${t.order.refundable}</span>
              <span class="sum">${this.l10n.money({ ...paid, minor: paid.minor - refunded.minor })}</span>
            </li>`
          : nothing}
      </ul>
      ${order.carrier || order.tracking_ids.length
        ? html`<p class="meta">${[order.carrier, ...order.tracking_ids].filter(Boolean).join(" · ")}</p>`
        : nothing}
      ${order.cancel_reason ? html`<p class="meta">${t.order.cancelledFor(order.cancel_reason)}</p>` : nothing}
    </details>`;
  }

  static override styles = [
    shared,
    css`
      .verify {
        margin-top: 8px;
      }
      .customer {
        font-weight: 500;
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      details + details {
        border-top: 1px solid var(--cp-line);
        margin-top: 9px;
        padding-top: 9px;
      }
      summary {
        display: flex;
        align-items: center;
        gap: 6px;
        cursor: pointer;
        list-style: none;
        border-radius: 5px;
      }
      summary::-webkit-details-marker {
        display: none;
      }
      summary svg {
        width: 13px;
        color: var(--cp-muted);
        transition: rotate 120ms;
      }
      [open] summary svg {
        rotate: 90deg;
      }
      .sum {
        font-variant-numeric: tabular-nums;
        white-space: nowrap;
      }
      .steps {
        display: flex;
        margin: 12px 0 10px;
      }
      .steps li {
        flex: 1;
        font-size: 12px;
        line-height: 1.35;
        padding-top: 9px;
        position: relative;
        border-top: 2px solid var(--cp-ok);
      }
      .steps li span {
        display: block;
      }
      .steps li::before {
        content: "";
        position: absolute;
        top: -6px;
        inset-inline-start: 0;
        width: 10px;
        height: 10px;
        border-radius: 50%;
        background: var(--cp-ok);
        border: 2px solid var(--cp-surface);
      }
      .steps .next,
      .steps li:last-child {
        border-top-color: var(--cp-line);
      }
      .steps .next::before {
        background: var(--cp-surface);
        border-color: var(--cp-line-strong);
      }
      .steps .bad {
        border-top-color: var(--cp-bad);
        color: var(--cp-bad);
      }
      .steps .bad::before {
        background: var(--cp-bad);
      }
      .lines li {
        display: flex;
        justify-content: space-between;
        gap: 12px;
        padding: 2px 0;
      }
      .money {
        border-top: 1px dashed var(--cp-line);
        margin: 5px 0;
        padding-top: 5px;
      }
      .left {
        font-weight: 600;
      }
    `,
  ];
}

/** Paid and given back, in minor units of the order's one currency; null when nothing was paid. */
function totalsOf(order: Order): { paid: Money | null; refunded: Money | null } {
  const sum = (type: string): Money | null => {
    const amounts = order.payments.filter((p) => p.transaction_type === type).map((p) => p.amount);
    const [first] = amounts;
    return first ? { ...first, minor: amounts.reduce((total, amount) => total + amount.minor, 0) } : null;
  };
  return { paid: sum("payment"), refunded: sum("refund") };
}

export function stepsOf(order: Order, l10n: L10n): Step[] {
  const t = l10n.t.order;
  const day = (iso: string | null): string | null => (iso ? l10n.day(iso) : null);
  const steps: Step[] = [{ label: t.placed, day: day(order.placed_at), state: "done" }];
  if (order.status === "cancelled") return [...steps, { label: t.cancelled, day: null, state: "bad" }];
  steps.push({ label: t.shipped, day: day(order.shipped_at), state: order.shipped_at ? "done" : "next" });
  if (order.status === "lost") return [...steps, { label: t.lost, day: null, state: "bad" }];
  if (order.delivered_at) steps.push({ label: t.delivered, day: day(order.delivered_at), state: "done" });
  else steps.push({ label: t.expected, day: day(order.expected_at), state: "next" });
  if (order.status === "return requested") steps.push({ label: t.return, day: t.requested, state: "next" });
  if (order.status === "exchange requested") steps.push({ label: t.exchange, day: t.requested, state: "next" });
  return steps;
}

function toneOf(status: Order["status"]): string {
  if (status === "delivered") return "ok";
  if (status === "lost" || status === "cancelled") return "bad";
  return status.endsWith("requested") ? "warn" : "accent";
}

function methodName(customer: Customer | null, id: string, giftCard: string): string {
  const method = customer?.payment_methods.find((other) => other.id === id);
  if (!method) return "";
  if (method.source === "credit_card") return `${humanise(method.brand ?? "card")} …${method.last_four ?? ""}`;
  return method.source === "gift_card" ? giftCard : "PayPal";
}
