export type InsertOutcome = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** Puts `text` into an empty composer and makes sure that it stands there; never sends, never overwrites. */
export async function insertInto(composer: HTMLElement | null, text: string): Promise<InsertOutcome> {
  if (!composer) return { ok: false, reason: "No reply box was found on this page." };
  if (readComposer(composer).trim()) {
    return { ok: false, reason: "There is already a draft in the reply box. Clear it, or copy the text." };
  }
  composer.focus();
  for (const attempt of [setNatively, insertByCommand]) {
    attempt(composer, text);
    await settled();
    if (sameWords(readComposer(composer), text)) return { ok: true };
  }
  return { ok: false, reason: "The page did not accept the text. Copy it instead." };
}

export function readComposer(composer: HTMLElement): string {
  if (composer instanceof HTMLTextAreaElement || composer instanceof HTMLInputElement) return composer.value;
  return composer.innerText ?? composer.textContent ?? "";
}

/** By the element's own setter, which frameworks that shadow `value` still notice. */
function setNatively(composer: HTMLElement, text: string): void {
  if (!(composer instanceof HTMLTextAreaElement || composer instanceof HTMLInputElement)) return;
  const prototype = composer instanceof HTMLTextAreaElement ? HTMLTextAreaElement : HTMLInputElement;
  Object.getOwnPropertyDescriptor(prototype.prototype, "value")?.set?.call(composer, text);
  composer.dispatchEvent(new InputEvent("input", { bubbles: true, inputType: "insertText", data: text }));
}

/** As if typed: rich editors keep their own model and follow only real editing. */
function insertByCommand(composer: HTMLElement, text: string): void {
  if (readComposer(composer).trim()) return;
  composer.ownerDocument.execCommand?.("insertText", false, text);
}

function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 30));
}

function sameWords(a: string, b: string): boolean {
  return a.split(/\s+/).join(" ").trim() === b.split(/\s+/).join(" ").trim();
}
