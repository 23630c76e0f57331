import { css } from "lit";

/**
 * The panel's design tokens, set once on <copilot-panel> and inherited by every card.
 *
 * A host page themes the panel by setting the same custom properties on the element.
 */
export const tokens = css`
  :host {
    color-scheme: light dark;
    --cp-canvas: light-dark(#f4f5f7, #101418);
    --cp-surface: light-dark(#ffffff, #191e24);
    --cp-sunken: light-dark(#f4f6f8, #12171c);
    --cp-text: light-dark(#18202a, #e8ecf1);
    --cp-muted: light-dark(#566170, #a0abb8);
    --cp-line: light-dark(#e1e5ea, #2a313a);
    --cp-line-strong: light-dark(#8b95a2, #6b7683);
    --cp-accent: light-dark(var(--cp-brand-light, #14616b), var(--cp-brand-dark, #6fc6cf));
    --cp-accent-strong: color-mix(in srgb, var(--cp-accent) 82%, light-dark(#000, #fff));
    --cp-accent-soft: color-mix(in srgb, var(--cp-accent) 12%, var(--cp-surface));
    --cp-on-accent: light-dark(var(--cp-on-brand-light, #ffffff), var(--cp-on-brand-dark, #06121a));
    --cp-ok: light-dark(#1c6b43, #79cfa0);
    --cp-ok-soft: light-dark(#e6f4ec, #15301f);
    --cp-warn: light-dark(#855300, #edbd6a);
    --cp-warn-soft: light-dark(#fdf3dd, #34280f);
    --cp-bad: light-dark(#a72a20, #ff9b8f);
    --cp-bad-soft: light-dark(#fdebe9, #3b1a17);
    --cp-mark: light-dark(#fff4cc, #4a3d12);
    --cp-radius: 10px;
    --cp-font: -apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", Arial, sans-serif;
    --cp-shadow: 0 1px 2px light-dark(rgb(20 32 44 / 6%), rgb(0 0 0 / 30%));
  }
  :host([theme="light"][data-theme=""]),
  :host([data-theme="light"]) {
    color-scheme: light;
  }
  :host([theme="dark"][data-theme=""]),
  :host([data-theme="dark"]) {
    color-scheme: dark;
  }
  @media (prefers-contrast: more) {
    :host {
      --cp-muted: var(--cp-text);
      --cp-line: var(--cp-line-strong);
      --cp-shadow: none;
    }
  }
  :host([theme="contrast"][data-theme=""]),
  :host([data-theme="contrast"]) {
    color-scheme: dark;
    --cp-canvas: #000;
    --cp-surface: #000;
    --cp-sunken: #000;
    --cp-text: #fff;
    --cp-muted: #fff;
    --cp-line: #fff;
    --cp-line-strong: #fff;
    --cp-accent: #7df9ff;
    --cp-accent-strong: #7df9ff;
    --cp-accent-soft: #00343a;
    --cp-on-accent: #000;
    --cp-ok: #8dffb5;
    --cp-warn: #ffe14d;
    --cp-bad: #ffb3a8;
    --cp-mark: #665200;
    --cp-shadow: none;
  }
`;

/** What every card shares: type, buttons, badges, focus. */
export const shared = css`
  :host {
    display: block;
    font: 400 13.5px/1.5 var(--cp-font);
    color: var(--cp-text);
    overflow-wrap: anywhere;
  }
  :host([hidden]) {
    display: none;
  }
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  h2,
  h3,
  p,
  ul,
  ol,
  dl,
  dd,
  blockquote {
    margin: 0;
    padding: 0;
  }
  ul,
  ol {
    list-style: none;
  }
  .card {
    background: var(--cp-surface);
    border: 1px solid var(--cp-line);
    border-radius: var(--cp-radius);
    box-shadow: var(--cp-shadow);
    padding: 12px 14px;
  }
  .head {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 6px;
    min-height: 22px;
    margin-bottom: 8px;
  }
  .head h2 {
    font-size: 12px;
    font-weight: 600;
    letter-spacing: 0.01em;
    color: var(--cp-muted);
    flex: 1 0 auto;
  }
  .head svg {
    color: var(--cp-accent);
  }
  svg {
    width: 16px;
    height: 16px;
    flex: none;
    fill: none;
    stroke: currentColor;
    stroke-width: 1.6;
    stroke-linecap: round;
    stroke-linejoin: round;
  }
  .meta {
    font-size: 12px;
    color: var(--cp-muted);
  }
  .row {
    display: flex;
    align-items: center;
    flex-wrap: wrap;
    gap: 6px;
  }
  .dots > :not(:last-child)::after {
    content: "·";
    margin-inline-start: 6px;
  }
  .grow {
    flex: 1;
  }
  .error {
    color: var(--cp-bad);
    font-size: 12.5px;
    margin-top: 6px;
  }
  button {
    font: 500 13px/1 var(--cp-font);
    color: var(--cp-text);
    background: var(--cp-surface);
    border: 1px solid var(--cp-line-strong);
    border-radius: 7px;
    min-height: 30px;
    padding: 0 11px;
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 6px;
    cursor: pointer;
    transition: background-color 120ms;
  }
  button:hover {
    background: var(--cp-accent-soft);
  }
  button.primary {
    background: var(--cp-accent);
    border-color: var(--cp-accent);
    color: var(--cp-on-accent);
  }
  button.primary:hover {
    background: var(--cp-accent-strong);
  }
  button.quiet {
    border-color: transparent;
    background: transparent;
    color: var(--cp-accent);
    padding: 0 7px;
  }
  button.quiet:hover {
    background: var(--cp-accent-soft);
  }
  button.icon {
    min-width: 30px;
    padding: 0 6px;
    color: var(--cp-muted);
  }
  button.tab {
    border-color: transparent;
    background: transparent;
    min-height: 28px;
  }
  button.tab[aria-pressed="true"] {
    background: var(--cp-accent-soft);
    color: var(--cp-accent);
  }
  button.turns {
    min-height: 18px;
    padding: 0 3px;
    vertical-align: -3px;
  }
  .turns svg {
    width: 13px;
    height: 13px;
  }
  button:disabled {
    cursor: default;
    color: var(--cp-muted);
    background: var(--cp-sunken);
    border-color: var(--cp-line);
    border-style: dashed;
  }
  :focus-visible {
    outline: 2px solid var(--cp-accent);
    outline-offset: 2px;
  }
  kbd {
    font: 600 11px/16px var(--cp-font);
    min-width: 17px;
    padding: 0 4px;
    text-align: center;
    border: 1px solid currentColor;
    border-radius: 4px;
  }
  .badge {
    display: inline-block;
    font-size: 11.5px;
    font-weight: 500;
    line-height: 18px;
    padding: 0 6px;
    border-radius: 5px;
    background: var(--cp-sunken);
    color: var(--cp-muted);
    white-space: nowrap;
  }
  .badge svg {
    width: 12px;
    height: 12px;
    vertical-align: -2px;
  }
  .badge.ok {
    background: var(--cp-ok-soft);
    color: var(--cp-ok);
  }
  .badge.warn {
    background: var(--cp-warn-soft);
    color: var(--cp-warn);
  }
  .badge.bad {
    background: var(--cp-bad-soft);
    color: var(--cp-bad);
  }
  .badge.accent {
    background: var(--cp-accent-soft);
    color: var(--cp-accent);
  }
  textarea,
  select,
  input {
    font: 400 13.5px/1.5 var(--cp-font);
    color: var(--cp-text);
    background: var(--cp-surface);
    border: 1px solid var(--cp-line-strong);
    border-radius: 7px;
    padding: 6px 9px;
    width: 100%;
  }
  input[type="checkbox"],
  input[type="radio"] {
    width: auto;
    margin: 0;
    accent-color: var(--cp-accent);
  }
  input[type="date"] {
    width: auto;
    padding: 2px 6px;
    font-size: 12.5px;
  }
  ::placeholder {
    color: var(--cp-muted);
    opacity: 1;
  }
  fieldset {
    border: 0;
    margin: 0;
    padding: 0;
    display: flex;
    flex-wrap: wrap;
    gap: 4px 14px;
  }
  .choice {
    display: inline-flex;
    align-items: center;
    gap: 6px;
    color: var(--cp-text);
    font-weight: 400;
  }
  .choice > input {
    margin: 0;
  }
  .line {
    display: flex;
    gap: 6px;
  }
  .line button {
    flex: none;
    min-height: 34px;
  }
  textarea {
    resize: vertical;
    min-height: 120px;
    field-sizing: content;
    max-height: 50vh;
  }
  label {
    font-size: 12px;
    font-weight: 500;
    color: var(--cp-muted);
    display: block;
  }
  label > input,
  label > select,
  label > textarea {
    margin-top: 3px;
    font-weight: 400;
  }
  .skeleton {
    display: grid;
    gap: 8px;
    padding: 4px 0;
  }
  .skeleton i {
    height: 10px;
    border-radius: 5px;
    background: var(--cp-line);
    animation: breathe 1.4s ease-in-out infinite;
  }
  .skeleton i:last-child {
    width: 62%;
  }
  .hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  a {
    color: var(--cp-accent);
  }
  @keyframes breathe {
    50% {
      opacity: 0.45;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation: none !important;
      transition: none !important;
      scroll-behavior: auto !important;
    }
  }
  @media (forced-colors: active) {
    .card,
    .badge {
      border: 1px solid CanvasText;
    }
  }
`;
