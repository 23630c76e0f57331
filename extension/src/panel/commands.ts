import type { Action } from "../api/model.js";

/** What a card asks the panel to do: cards draw and report, only the panel acts. */
export type Command =
  | { readonly kind: "insert-suggestion"; readonly id: string; readonly text: string; readonly edited: boolean }
  | { readonly kind: "copy-suggestion"; readonly id: string; readonly text: string }
  | { readonly kind: "reject-suggestion"; readonly id: string; readonly reason: string }
  | { readonly kind: "insert-text"; readonly text: string }
  | { readonly kind: "copy-text"; readonly text: string; readonly what: string }
  | { readonly kind: "approve-action"; readonly action: Action }
  | { readonly kind: "reject-action"; readonly action: Action; readonly reason: string }
  | { readonly kind: "edit-action"; readonly action: Action; readonly args: Record<string, unknown> }
  | { readonly kind: "show-passage"; readonly passageId: string }
  | { readonly kind: "show-turns"; readonly turnIds: readonly string[] };

/** Bubbles within the panel's own shadow tree, never out into the host page. */
export function send(from: HTMLElement, command: Command): void {
  from.dispatchEvent(new CustomEvent<Command>("command", { detail: command, bubbles: true }));
}
