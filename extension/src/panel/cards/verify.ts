import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { ApiError } from "../../api/client.js";
import type { VerifyCustomer } from "../../api/model.js";
import { Card } from "../card.js";
import { messageOf, request } from "../requests.js";
import { shared } from "../styles.js";

/** What proves who the customer is; until then no tool reads anybody's orders. Fires `leave` when done with. */
export class VerifyForm extends Card {
  static override properties: PropertyDeclarations = {
    by: { state: true },
    busy: { state: true },
    problem: { state: true },
    locked: { state: true },
  };

  private declare by: "order" | "name";
  private declare busy: boolean;
  private declare problem: string;
  /** Tried too often: a supervisor has to unlock it. */
  private declare locked: boolean;

  constructor() {
    super();
    this.by = "order";
    this.busy = false;
    this.problem = "";
    this.locked = false;
  }

  override render(): TemplateResult {
    const { t } = this.l10n;
    return html`<form @submit=${this.verify}>
      <div class="row" role="group" aria-label=${t.order.verifyTitle}>
        <button type="button" class="tab" aria-pressed=${this.by === "order"} @click=${() => (this.by = "order")}>${t.order.byOrder}</button>
        <button type="button" class="tab" aria-pressed=${this.by === "name"} @click=${() => (this.by = "name")}>${t.order.byName}</button>
      </div>
      ${this.by === "order"
        ? html`<label>${t.order.email}<input name="email" type="email" required autocomplete="off" /></label>
            <label>${t.order.number}<input name="order_id" required autocomplete="off" /></label>`
        : html`<div class="pair">
              <label>${t.order.first}<input name="first_name" required autocomplete="off" /></label>
              <label>${t.order.last}<input name="last_name" required autocomplete="off" /></label>
            </div>
            <label>${t.order.zip}<input name="zip" required autocomplete="off" /></label>`}
      ${this.problem ? html`<p class="error" role="alert">${this.problem}</p>` : nothing}
      <div class="row">
        <button class="primary" ?disabled=${this.busy}>${t.order.verify}</button>
        ${this.locked ? html`<button type="button" @click=${this.unlock}>${t.order.unlock}</button>` : nothing}
        <button type="button" @click=${this.leave}>${t.yes.cancel}</button>
      </div>
    </form>`;
  }

  protected override firstUpdated(): void {
    this.renderRoot.querySelector("input")?.focus();
  }

  private readonly leave = (): void => {
    this.dispatchEvent(new Event("leave"));
  };

  private readonly verify = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const data = new FormData(event.target as HTMLFormElement);
    const proof = Object.fromEntries([...data].map(([name, value]) => [name, String(value).trim()]));
    this.busy = true;
    this.problem = "";
    try {
      await request(this, "verify", proof as Partial<VerifyCustomer>);
      this.leave();
    } catch (error) {
      this.locked = error instanceof ApiError && error.problem.code === LOCKED;
      this.problem = this.locked ? this.l10n.t.order.locked : messageOf(error, this.l10n);
    } finally {
      this.busy = false;
    }
  };

  private readonly unlock = async (): Promise<void> => {
    try {
      await request(this, "unlock", {});
      this.locked = false;
      this.problem = this.l10n.t.order.unlocked;
    } catch (error) {
      this.problem = messageOf(error, this.l10n);
    }
  };

  static override styles = [
    shared,
    css`
      :host {
        margin-top: 8px;
      }
      form {
        display: grid;
        gap: 9px;
      }
      .pair {
        display: grid;
        grid-template-columns: 1fr 1fr;
        gap: 8px;
      }
    `,
  ];
}

const LOCKED = "verification_locked";
