import type { Action } from "../api/model.js";

export type InsertMode = "insert" | "append";

/** What a card asks the panel to do: cards draw and report, only the panel acts. */
export type Command =
  | {
      readonly kind: "insert";
      readonly text: string;
      readonly mode: InsertMode;
      /** The suggestion it is, or began as; null for other words. */
      readonly suggestionId: string | null;
      readonly edited: boolean;
    }
  | { readonly kind: "copy"; readonly text: string; readonly what: string; readonly suggestionId?: string; readonly edited?: boolean }
  | { readonly kind: "rate"; readonly id: string; readonly useful: boolean; readonly reason: string }
  | { readonly kind: "approve-action"; readonly action: Action }
  | { readonly kind: "reject-action"; readonly action: Action; readonly reason: string }
  | { readonly kind: "edit-action"; readonly action: Action; readonly args: Record<string, unknown> }
  | {
      readonly kind: "resolve-action";
      readonly action: Action;
      readonly outcome: "succeeded" | "failed";
      readonly evidence: string;
    }
  | { readonly kind: "show-passage"; readonly passageId: string }
  | { readonly kind: "show-turns"; readonly turnIds: readonly string[] };

/** Bubbles within the panel's own shadow tree, never out into the host page. */
export function send(from: HTMLElement, command: Command): void {
  from.dispatchEvent(new CustomEvent<Command>("command", { detail: command, bubbles: true }));
}
