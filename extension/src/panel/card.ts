import { LitElement, type PropertyDeclarations } from "lit";
import { ENGLISH, type L10n } from "./l10n/index.js";

/** What every part of the panel has: the representative's language, and places the keyboard stops at. */
export abstract class Card extends LitElement {
  static override properties: PropertyDeclarations = { l10n: { attribute: false } };

  declare l10n: L10n;

  constructor() {
    super();
    this.l10n = ENGLISH;
  }

  /** What next and previous go to, in order. */
  stops(): HTMLElement[] {
    return [...this.renderRoot.querySelectorAll<HTMLElement>(".card")];
  }

  /** For parts within this one: what they ask for does not leave a shadow tree by itself. */
  protected readonly passOn = (event: CustomEvent): void => {
    event.stopPropagation();
    this.dispatchEvent(new CustomEvent(event.type, { detail: event.detail, bubbles: true }));
  };
}
