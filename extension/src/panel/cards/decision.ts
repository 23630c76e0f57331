import { css, html, type TemplateResult } from "lit";
import type { PolicyDecision, PolicyFinding } from "../../api/model.js";
import { icon } from "../parts.js";

const OUTCOMES = {
  allow: { label: "Policy allows it", tone: "ok", mark: "check" },
  needs_supervisor: { label: "Needs a supervisor", tone: "warn", mark: "warn" },
  deny: { label: "Policy does not allow it", tone: "bad", mark: "cross" },
} as const;

/** What policy says to a proposal: the verdict, then every clause that spoke for or against. */
export function renderDecision(decision: PolicyDecision): TemplateResult {
  const { label, tone } = OUTCOMES[decision.outcome];
  return html`<div class="decision">
    <span class="badge ${tone}">${label}</span>
    ${decision.findings.length
      ? html`<ul>${decision.findings.map(renderFinding)}</ul>`
      : html`<p class="meta">No policy clause allows this.</p>`}
  </div>`;
}

function renderFinding(finding: PolicyFinding): TemplateResult {
  const { tone, mark } = OUTCOMES[finding.outcome];
  const { clause } = finding;
  return html`<li class=${tone}>
    ${icon(mark)}
    <span>
      ${finding.because}
      ${finding.needs_review
        ? html`<span class="badge warn" title="The clause has changed since this rule was signed">needs review</span>`
        : ""}
      <span class="meta clause" title=${clause.quote}>${clause.title || clause.document} §${clause.clause} (v${clause.version})</span>
    </span>
  </li>`;
}

export const decisionStyles = css`
  .decision {
    margin-top: 8px;
  }
  .decision ul {
    margin-top: 5px;
    display: grid;
    gap: 4px;
  }
  .decision li {
    display: flex;
    gap: 6px;
    font-size: 12.5px;
    line-height: 1.45;
  }
  .decision li svg {
    width: 14px;
    height: 14px;
    margin-top: 2px;
  }
  .decision li.ok svg {
    color: var(--cp-ok);
  }
  .decision li.warn svg {
    color: var(--cp-warn);
  }
  .decision li.bad svg {
    color: var(--cp-bad);
  }
  .clause {
    display: block;
  }
`;
