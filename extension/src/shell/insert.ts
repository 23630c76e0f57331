import { textOf } from "./sites/dom.js";
import { isField } from "./sites/reader.js";

export type InsertMode = "empty" | "append" | "replace";

export type InsertOutcome =
  | { readonly ok: true }
  /** `draft`: something stands there already; ask, then insert with another mode. */
  | { readonly ok: false; readonly code: "draft" | "moved" | "missing" | "refused"; readonly reason: string };

export interface Inserted {
  readonly composer: HTMLElement;
  readonly before: string;
  readonly after: string;
}

const SETTLE_MS = 40;
// Editors that keep their own selection hear of ours late: Slate's listener is throttled to 100 ms.
const SELECTION_MS = 130;

/**
 * Puts `text` into a reply box and makes sure that it stands there; never sends.
 *
 * A ladder: the field's own setter, a paste, typing by command. After each rung the box is read: expected words
 * end it, unchanged words lead to the next, anything else is put back. `omit` matches what is in the box without
 * being a draft, such as a signature.
 */
export async function insertInto(
  composer: HTMLElement | null,
  text: string,
  mode: InsertMode = "empty",
  omit = "",
): Promise<InsertOutcome & { readonly inserted?: Inserted }> {
  if (!composer) return refuse("missing", "No reply box was found on this page.");
  const before = readComposer(composer, omit);
  if (before && mode === "empty") return refuse("draft", "There is already a draft in the reply box.");
  const keep = mode === "append" && before !== "";
  const after = keep ? `${before}\n\n${text}` : text;
  if (await write(composer, text, after, { keep, omit })) return { ok: true, inserted: { composer, before, after } };
  return refuse("refused", "The page did not accept the text. Copy it instead.");
}

/** Brings back what stood there, unless it was changed since: false then, and nothing is touched. */
export async function undoInsert({ composer, before, after }: Inserted, omit = ""): Promise<boolean> {
  const now = (): string => readComposer(composer, omit);
  if (!composer.isConnected || !sameWords(now(), after)) return false;
  composer.focus();
  if (!isField(composer)) {
    // The editor's own history knows the formatting too.
    pressUndo(composer);
    await pause(SETTLE_MS);
    if (sameWords(now(), before)) return true;
  }
  return write(composer, before, before, { keep: false, omit });
}

export function readComposer(composer: HTMLElement, omit = ""): string {
  if (isField(composer)) return composer.value.trim();
  return textOf(composer, ["[data-slate-placeholder]", ".ql-clipboard, .ql-tooltip", omit].filter(Boolean).join(", "));
}

interface Writing {
  /** What stands there stays, and the text goes after it. */
  readonly keep: boolean;
  readonly omit: string;
}

async function write(composer: HTMLElement, text: string, wanted: string, writing: Writing): Promise<boolean> {
  const before = readComposer(composer, writing.omit);
  composer.focus();
  for (const attempt of isField(composer) ? [setNatively, insertByCommand] : [paste, insertByCommand]) {
    await select(composer, writing);
    const lead = writing.keep ? "\n\n" : "";
    attempt(composer, `${lead}${text}`, wanted);
    await pause(SETTLE_MS);
    const now = readComposer(composer, writing.omit);
    if (sameWords(now, wanted)) return true;
    if (sameWords(now, before)) continue;
    // Half done, or made into something else: trying on would only add to it.
    pressUndo(composer);
    await pause(SETTLE_MS);
    if (!sameWords(readComposer(composer, writing.omit), before)) return false;
  }
  return false;
}

/** By the element's own setter, which frameworks that shadow `value` still notice. */
function setNatively(composer: HTMLElement, _text: string, wanted: string): void {
  if (!isField(composer)) return;
  const prototype = composer instanceof HTMLTextAreaElement ? HTMLTextAreaElement : HTMLInputElement;
  Object.getOwnPropertyDescriptor(prototype.prototype, "value")?.set?.call(composer, wanted);
  composer.dispatchEvent(new InputEvent("input", { bubbles: true, composed: true, inputType: "insertText", data: wanted }));
  composer.dispatchEvent(new Event("change", { bubbles: true }));
}

/** As plain text from the clipboard: editors turn it into their own paragraphs. */
function paste(composer: HTMLElement, text: string): void {
  if (!text) return void composer.ownerDocument.execCommand?.("delete");
  const clipboardData = new DataTransfer();
  clipboardData.setData("text/plain", text);
  // Firefox leaves `clipboardData` out and fills its own from the other two.
  const how = { clipboardData, dataType: "text/plain", data: text, bubbles: true, cancelable: true, composed: true };
  composer.dispatchEvent(new ClipboardEvent("paste", how));
}

/** As if typed: a plain editable box takes this, and editors that follow only real editing. */
function insertByCommand(composer: HTMLElement, text: string): void {
  const page = composer.ownerDocument;
  if (!text) return void page.execCommand?.("delete");
  for (const [index, line] of text.split(/\n+/).entries()) {
    if (index > 0) page.execCommand?.(isField(composer) ? "insertLineBreak" : "insertParagraph");
    if (line) page.execCommand?.("insertText", false, line);
  }
}

async function select(composer: HTMLElement, { keep, omit }: Writing): Promise<void> {
  if (isField(composer)) {
    composer.setSelectionRange(keep ? composer.value.length : 0, composer.value.length);
    return;
  }
  const selection = composer.ownerDocument.getSelection();
  const range = composer.ownerDocument.createRange();
  range.selectNodeContents(composer);
  const rest = omit ? composer.querySelector(omit) : null;
  if (rest) endBefore(range, rest, composer, omit);
  if (keep) range.collapse(false);
  selection?.removeAllRanges();
  selection?.addRange(range);
  await pause(SELECTION_MS);
}

/** What is no draft stands last, and stays: the range ends with the last words before it, or is empty at the start. */
function endBefore(range: Range, rest: Element, composer: HTMLElement, omit: string): void {
  const words = composer.ownerDocument.createTreeWalker(composer, NodeFilter.SHOW_TEXT);
  let last: Node | null = null;
  while (words.nextNode()) {
    const node = words.currentNode;
    if (!(node.compareDocumentPosition(rest) & Node.DOCUMENT_POSITION_FOLLOWING)) break;
    if (node.nodeValue?.trim() && !node.parentElement?.closest(omit)) last = node;
  }
  if (last) range.setEnd(last, last.nodeValue!.length);
  else range.collapse(true);
}

function pressUndo(composer: HTMLElement): void {
  const mac = /mac/i.test(navigator.platform);
  const key = { key: "z", code: "KeyZ", keyCode: 90, ctrlKey: !mac, metaKey: mac, bubbles: true, cancelable: true, composed: true };
  const taken = !composer.dispatchEvent(new KeyboardEvent("keydown", key));
  if (!taken) composer.ownerDocument.execCommand?.("undo");
}

function refuse(code: "draft" | "missing" | "refused", reason: string): InsertOutcome {
  return { ok: false, code, reason };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

export function sameWords(a: string, b: string): boolean {
  return a.split(/\s+/).join(" ").trim() === b.split(/\s+/).join(" ").trim();
}
