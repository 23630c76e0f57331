/** What a key press asks of the panel; null when it is not the panel's business. */
export type KeyCommand =
  | { readonly kind: "activate"; readonly number: number }
  | { readonly kind: "move"; readonly by: 1 | -1 }
  | { readonly kind: "help" }
  | { readonly kind: "close" };

export const KEYS: readonly (readonly [string, string])[] = [
  ["1 – 9", "Insert the reply or do the numbered action"],
  ["j  k", "Next, previous card"],
  ["Ctrl Enter", "Insert the edited reply"],
  ["Esc", "Leave the editor, close this help"],
  ["?", "Show or hide this help"],
];

export function keyCommand(event: KeyboardEvent): KeyCommand | null {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return null;
  if (isTyping(event)) return null;
  if (/^[1-9]$/.test(event.key)) return { kind: "activate", number: Number(event.key) };
  if (event.key === "j") return { kind: "move", by: 1 };
  if (event.key === "k") return { kind: "move", by: -1 };
  if (event.key === "?") return { kind: "help" };
  return event.key === "Escape" ? { kind: "close" } : null;
}

/** Keys belong to whoever is writing; the path sees through shadow roots. */
function isTyping(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0];
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}
