import { css, html, nothing, type TemplateResult } from "lit";
import type { Action, Provenance } from "../../api/model.js";
import { humanise } from "../text.js";

const ORIGINS: Record<Provenance, { readonly label: string; readonly check: boolean }> = {
  fact: { label: "from the order", check: false },
  playbook: { label: "from the playbook", check: false },
  representative: { label: "entered by a representative", check: false },
  customer_text: { label: "from the customer’s words", check: true },
  knowledge: { label: "from a knowledge passage", check: true },
  model: { label: "chosen by the model", check: true },
};

/** Where each argument of a proposal came from; what nobody vouches for is marked to be checked. */
export function renderOrigins(action: Action): TemplateResult | typeof nothing {
  const origins = Object.entries(action.provenance ?? {});
  if (!origins.length) return nothing;
  return html`<ul class="origins" aria-label="Where each value came from">
    ${origins.map(([name, origin]) => {
      const { label, check } = ORIGINS[origin];
      return html`<li class=${check ? "check" : ""}>
        ${humanise(name)}: ${label}${check ? html`<span class="badge warn">check</span>` : nothing}
      </li>`;
    })}
  </ul>`;
}

export const originStyles = css`
  .origins {
    margin-top: 8px;
    display: grid;
    gap: 2px;
    font-size: 12px;
    color: var(--cp-muted);
  }
  .origins .check {
    color: var(--cp-text, inherit);
  }
  .origins .badge {
    margin-left: 6px;
  }
`;
