import { css } from "lit";

export const statusStyles = css`
  header {
    display: flex;
    align-items: center;
    gap: 8px;
    padding: 9px 14px;
    min-height: 56px;
  }
  img {
    width: 28px;
    height: 28px;
    object-fit: contain;
    border-radius: 6px;
    flex: none;
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
  .mood {
    display: inline-flex;
    align-items: center;
    gap: 5px;
  }
  .badge svg.curve {
    width: 44px;
    height: 16px;
    stroke-width: 1.4;
  }
  .curve circle {
    fill: currentColor;
    stroke: none;
  }
  .wait {
    font-variant-numeric: tabular-nums;
  }
  .wait.long {
    color: var(--cp-warn);
    font-weight: 600;
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
`;
