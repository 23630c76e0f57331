import { css } from "lit";

/** How the panel lays out its cards. */
export const layout = css`
  :host {
    background: var(--cp-canvas);
    min-width: 280px;
    position: relative;
  }
  copilot-status {
    position: sticky;
    top: 0;
    z-index: 2;
    background: var(--cp-surface);
  }
  .help {
    margin-right: -8px;
  }
  .cards {
    display: grid;
    gap: 10px;
    padding: 10px;
  }
  .cards > * {
    min-width: 0;
  }
  .cards > :not(.empty, [hidden]) {
    display: contents;
  }
  .empty {
    color: var(--cp-muted);
    text-align: center;
    padding: 40px 24px;
  }
  .keys {
    display: grid;
    grid-template-columns: auto 1fr;
    gap: 6px 12px;
    margin: 10px 10px 0;
    padding: 12px 14px;
    border: 1px solid var(--cp-line);
    border-radius: var(--cp-radius);
    background: var(--cp-surface);
    font-size: 12.5px;
  }
  .toast {
    position: sticky;
    bottom: 10px;
    width: fit-content;
    max-width: calc(100% - 20px);
    margin: 0 auto;
    padding: 7px 12px;
    border-radius: 8px;
    font-size: 12.5px;
    background: var(--cp-text);
    color: var(--cp-surface);
    opacity: 0;
    visibility: hidden;
    transition: opacity 150ms;
  }
  .toast.shown {
    opacity: 1;
    visibility: visible;
  }
`;
