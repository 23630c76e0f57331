import { css } from "lit";

export const suggestionStyles = css`
  .ready {
    border-color: color-mix(in srgb, var(--cp-accent) 45%, var(--cp-line));
  }
  .caret {
    display: inline-block;
    width: 2px;
    height: 1em;
    margin-inline-start: 2px;
    vertical-align: -2px;
    background: var(--cp-accent);
    animation: breathe 1s step-end infinite;
  }
  .actions,
  .own {
    margin-top: 10px;
  }
  .why {
    margin-top: 4px;
    font-style: italic;
  }
  .why::first-letter {
    text-transform: uppercase;
  }
  .former {
    margin: 0 0 9px;
    padding: 7px 10px;
    border-radius: 8px;
    background: var(--cp-accent-soft);
  }
  .former .meta {
    color: var(--cp-text);
  }
  .former button {
    min-height: 24px;
    font-size: 12px;
    margin-inline-start: -7px;
  }
  .former button + button {
    margin-inline-start: 0;
  }
  .former blockquote {
    margin-top: 5px;
    white-space: pre-wrap;
    font-size: 12.5px;
    color: var(--cp-text);
    border-inline-start: 2px solid var(--cp-accent);
    padding-inline-start: 9px;
  }
  .reasons {
    margin-top: 10px;
    padding-top: 10px;
    border-top: 1px solid var(--cp-line);
  }
  .reasons button {
    min-height: 26px;
    font-size: 12px;
    padding: 0 9px;
  }
  .reasons form {
    display: flex;
    gap: 6px;
    flex: 1 1 160px;
  }
  .reasons input {
    min-height: 26px;
    padding: 2px 8px;
    font-size: 12.5px;
  }
  .later {
    margin-top: 8px;
  }
`;
