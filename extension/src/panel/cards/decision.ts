import { css, html, type TemplateResult } from "lit";
import type { PolicyDecision, PolicyFinding } from "../../api/model.js";
import type { L10n } from "../l10n/index.js";
import { icon } from "../parts.js";

const OUTCOMES = {
  allow: { tone: "ok", mark: "check" },
  needs_supervisor: { tone: "warn", mark: "warn" },
  deny: { tone: "bad", mark: "cross" },
} as const;

/** What policy says to a proposal: the verdict, then every clause that spoke for or against. */
export function renderDecision(decision: PolicyDecision, { t }: L10n): TemplateResult {
  const { tone } = OUTCOMES[decision.outcome];
  return html`<div class="decision">
    <span class="badge ${tone}">${t.action[decision.outcome]}</span>
    ${decision.findings.length
      ? html`<ul>${decision.findings.map((finding) => renderFinding(finding, t))}</ul>`
      : html`<p class="meta">${t.action.noClause}</p>`}
  </div>`;
}

function renderFinding(finding: PolicyFinding, t: L10n["t"]): TemplateResult {
  const { tone, mark } = OUTCOMES[finding.outcome];
  const { clause } = finding;
  return html`<li class=${tone}>
    ${icon(mark)}
    <span>
      ${finding.because}
      ${finding.needs_review
        ? html`<span class="badge warn" title=${t.action.needsReviewTitle}>${t.action.needsReview}</span>`
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
