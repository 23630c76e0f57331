import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import type { Customer, Money, Order, OrderView } from "../../api/model.js";
import { head, icon } from "../parts.js";
import { shared } from "../styles.js";
import { formatDay, formatMoney, humanise } from "../text.js";

interface Step {
  readonly label: string;
  readonly day: string | null;
  readonly state: "done" | "next" | "bad";
}

/** The verified customer and their orders as the order system has them. */
export class OrderCard extends LitElement {
  static override properties = { view: { attribute: false } };

  declare view: OrderView | null;

  constructor() {
    super();
    this.view = null;
  }

  stops(): HTMLElement[] {
    return [...this.renderRoot.querySelectorAll<HTMLElement>("[tabindex]")];
  }

  override render(): TemplateResult | typeof nothing {
    const { view } = this;
    if (!view || (!view.customer && !view.orders.length)) return nothing;
    return html`<section class="card" tabindex="-1" aria-label="Customer and orders">
      ${head("parcel", view.orders.length === 1 ? "Order" : "Orders", this.renderVerified(view.customer))}
      ${view.orders.map((order, index) => this.renderOrder(order, view.customer, index === 0))}
      ${view.orders.length ? nothing : html`<p class="meta">No order has been looked up yet.</p>`}
    </section>`;
  }

  private renderVerified(customer: Customer | null): TemplateResult | typeof nothing {
    if (!customer) return nothing;
    const tier = customer.loyalty_tier;
    return html`<span class="customer" title=${customer.email}>${customer.first_name} ${customer.last_name}</span>
      ${tier ? html`<span class="badge">${humanise(tier)}</span>` : nothing}
      <span class="badge ok">${icon("check")} Verified</span>`;
  }

  private renderOrder(order: Order, customer: Customer | null, open: boolean): TemplateResult {
    const { paid, refunded } = totalsOf(order);
    return html`<details ?open=${open} tabindex="-1">
      <summary>
        ${icon("chevron")}
        <strong>${order.id}</strong>
        <span class="badge ${toneOf(order.status)}">${humanise(order.status)}</span>
        <span class="grow"></span>
        ${paid ? html`<span class="sum">${formatMoney(paid)}</span>` : nothing}
      </summary>
      <ol class="steps">
        ${stepsOf(order).map(
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
              ${item.final_sale ? html`<span class="badge warn">Final sale</span>` : nothing}
            </span>
            <span class="sum">${formatMoney(item.price)}</span>
          </li>`,
        )}
        ${order.shipping_fee?.minor
          ? html`<li class="meta"><span>Shipping</span><span class="sum">${formatMoney(order.shipping_fee)}</span></li>`
          : nothing}
      </ul>
      <ul class="lines money">
        ${order.payments.map(
          (payment) => html`<li>
            <span>
              ${payment.transaction_type === "refund" ? "Refunded" : "Paid"}
              <span class="meta">${methodName(customer, payment.payment_method_id)}</span>
            </span>
            <span class="sum">${payment.transaction_type === "refund" ? "−" : ""}${formatMoney(payment.amount)}</span>
          </li>`,
        )}
        ${paid && refunded?.minor
          ? html`<li class="left">
              <span>Still refundable</span>
              <span class="sum">${formatMoney({ ...paid, minor: paid.minor - refunded.minor })}</span>
            </li>`
          : nothing}
      </ul>
      ${order.carrier || order.tracking_ids.length
        ? html`<p class="meta">${[order.carrier, ...order.tracking_ids].filter(Boolean).join(" · ")}</p>`
        : nothing}
      ${order.cancel_reason ? html`<p class="meta">Cancelled: ${order.cancel_reason}</p>` : nothing}
    </details>`;
  }

  static override styles = [
    shared,
    css`
      .customer {
        font-weight: 500;
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .badge svg {
        width: 12px;
        height: 12px;
        vertical-align: -2px;
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
      .grow {
        flex: 1;
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
        left: 0;
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

export function stepsOf(order: Order): Step[] {
  const day = (iso: string | null): string | null => (iso ? formatDay(iso) : null);
  const steps: Step[] = [{ label: "Placed", day: day(order.placed_at), state: "done" }];
  if (order.status === "cancelled") return [...steps, { label: "Cancelled", day: null, state: "bad" }];
  steps.push({ label: "Shipped", day: day(order.shipped_at), state: order.shipped_at ? "done" : "next" });
  if (order.status === "lost") return [...steps, { label: "Lost", day: null, state: "bad" }];
  if (order.delivered_at) steps.push({ label: "Delivered", day: day(order.delivered_at), state: "done" });
  else steps.push({ label: "Expected", day: day(order.expected_at), state: "next" });
  if (order.status === "return requested") steps.push({ label: "Return", day: "requested", state: "next" });
  if (order.status === "exchange requested") steps.push({ label: "Exchange", day: "requested", state: "next" });
  return steps;
}

function toneOf(status: Order["status"]): string {
  if (status === "delivered") return "ok";
  if (status === "lost" || status === "cancelled") return "bad";
  return status.endsWith("requested") ? "warn" : "accent";
}

function methodName(customer: Customer | null, id: string): string {
  const method = customer?.payment_methods.find((other) => other.id === id);
  if (!method) return "";
  if (method.source === "credit_card") return `${humanise(method.brand ?? "card")} …${method.last_four ?? ""}`;
  return method.source === "gift_card" ? "Gift card" : "PayPal";
}
