import { css } from "lit";

/** How the panel lays out its cards. */
export const layout = css`
  :host(:not([dir])) {
    direction: ltr; /* as all our languages are written, whatever the page's direction */
  }
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
    margin-inline-end: -8px;
  }
  .cards {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
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
  .toast {
    position: sticky;
    bottom: 10px;
    width: fit-content;
    max-width: calc(100% - 20px);
    margin: 0 auto;
    padding: 7px 12px;
    display: flex;
    align-items: center;
    gap: 10px;
    z-index: 3;
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
  .toast button {
    flex: none;
    min-height: 24px;
    font-size: 12px;
    color: inherit;
    background: transparent;
    border-color: currentColor;
  }
`;
