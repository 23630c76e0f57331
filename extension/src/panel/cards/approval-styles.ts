import { css } from "lit";

export const approvalStyles = css`
  .proposal {
    border: 1px solid var(--cp-line);
    border-radius: 8px;
    background: var(--cp-sunken);
    padding: 10px 12px;
  }
  .proposal .badge.accent {
    background: var(--cp-accent-soft);
  }
  .what {
    display: flex;
    gap: 12px;
    align-items: baseline;
    justify-content: space-between;
    margin-top: 6px;
    font-weight: 500;
  }
  .what strong {
    font-size: 17px;
    font-weight: 650;
    font-variant-numeric: tabular-nums;
    white-space: nowrap;
  }
  .status .meta {
    font-variant-numeric: tabular-nums;
  }
  .status .soon {
    color: var(--cp-bad);
    font-weight: 600;
  }
  .approvals,
  .controls {
    margin-top: 10px;
  }
  .receipt {
    display: grid;
    grid-template-columns: auto 1fr;
    gap: 2px 10px;
    margin-top: 6px;
    font-size: 12.5px;
  }
  .receipt dt {
    color: var(--cp-muted);
  }
`;
