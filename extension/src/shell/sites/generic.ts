import type { SiteConfig } from "./adapter.js";
import { isVisible } from "./dom.js";

/** What the representative pointed at in the page. */
export interface Picked {
  readonly customerMessage: Element;
  readonly ownMessage: Element;
  readonly composer: Element;
  /** Where the page shows what the customer is writing. */
  readonly typing?: Element;
}

// An id as help desks write them: digits, a UUID, or a long word with digits in it.
const ID = /^(?:\d+|[0-9a-f]{8}-[0-9a-f-]{27}|(?=[\w-]*\d)[\w-]{8,})$/i;
// Names that a build made or that change while a page is used say nothing lasting.
const PASSING = /\d|active|selected|focus|hover|open|unread|first|last|new\b|^(?:ng|v|jsx|css|sc)-/i;
const NAMING_ATTRIBUTES = ["data-testid", "data-test-id", "data-test", "data-role", "data-sender", "data-author", "data-type", "data-direction", "role", "name", "aria-label", "type"];

/** A site of the representative's own. Throws an Error fit to show when the two messages cannot be told apart. */
export function genericSite(picked: Picked, address: string): SiteConfig {
  const url = new URL(address);
  const [thread, theirs, ours] = meet(picked.customerMessage, picked.ownMessage);
  const message = sharedSelector(theirs, ours);
  const customer = tellingSelector(theirs, ours);
  if (!customer) throw new Error("The page does not mark who wrote a message, so the two cannot be told apart.");
  const text = textSelector(picked, theirs, ours);
  return {
    name: url.hostname,
    channel: "chat",
    match: [url.hostname],
    conversation: { address: conversationPattern(url) },
    thread: uniqueSelector(thread),
    message,
    ...(text ? { text } : {}),
    role: { customer },
    composer: uniqueSelector(editable(picked.composer)),
    ...(picked.typing ? { typing: uniqueSelector(picked.typing) } : {}),
  };
}

/** A pattern whose group is what looks like an id in the address, the last one; the whole path when nothing does. */
export function conversationPattern(url: URL): string {
  const parts = `${url.pathname}${url.search}${url.hash}`.split(/([/?#&=]+)/);
  for (let index = parts.length - 1; index >= 0; index -= 1) {
    if (!ID.test(parts[index]!)) continue;
    const before = parts.slice(Math.max(0, index - 3), index).map((part) => (ID.test(part) ? "[\\w-]+" : escapePattern(part)));
    return `${before.join("")}([\\w-]+)`;
  }
  return "^https?://[^/]+(/[^?#]*)";
}

/** The innermost element around both, and the child of it that holds each. */
function meet(a: Element, b: Element): [thread: Element, theirs: Element, ours: Element] {
  if (a === b || a.contains(b) || b.contains(a)) throw new Error("Point at two different messages.");
  let [theirs, ours] = [a, b];
  while (theirs.parentElement && !theirs.parentElement.contains(b)) theirs = theirs.parentElement;
  while (ours.parentElement && ours.parentElement !== theirs.parentElement) ours = ours.parentElement;
  const thread = theirs.parentElement;
  if (!thread || thread === document.documentElement) throw new Error("The messages are not in one list.");
  return [thread, theirs, ours];
}

function sharedSelector(a: Element, b: Element): string {
  const shared = namesOf(a).filter((name) => b.matches(name));
  const siblings = [...(a.parentElement?.children ?? [])];
  // The one that most of the list answers to: the other names are of single messages.
  const counted = shared.map((name) => ({ name, count: siblings.filter((each) => each.matches(name)).length }));
  counted.sort((x, y) => y.count - x.count);
  return `:scope > ${counted[0]?.name ?? "*"}`;
}

/** What was pointed at within the messages, so that names and times around it are left out. */
function textSelector({ customerMessage, ownMessage }: Picked, theirs: Element, ours: Element): string | null {
  if (customerMessage === theirs || ownMessage === ours) return null;
  const candidates = [...namesOf(customerMessage), customerMessage.localName];
  return candidates.find((name) => theirs.querySelector(name) === customerMessage && ours.querySelector(name) === ownMessage) ?? null;
}

/** What matches the customer's message, or something in it, and nothing of our own. */
function tellingSelector(theirs: Element, ours: Element): string | null {
  const ownAnswers = (name: string): boolean => ours.matches(name) || ours.querySelector(name) !== null;
  const inside = [...theirs.querySelectorAll("*")];
  return [theirs, ...inside].flatMap(namesOf).find((name) => !ownAnswers(name)) ?? null;
}

/** Lasting selectors that match `element` alone by its names: classes, ids, telling attributes. */
function namesOf(element: Element): string[] {
  const classes = [...element.classList].filter((name) => !PASSING.test(name)).map((name) => `.${CSS.escape(name)}`);
  const attributes = NAMING_ATTRIBUTES.flatMap((name) => {
    const value = element.getAttribute(name);
    return value && value.length < 60 && !/\d/.test(value) ? [`[${name}="${CSS.escape(value)}"]`] : [];
  });
  return [...attributes, ...classes];
}

function uniqueSelector(element: Element): string {
  const id = element.id && !/\d/.test(element.id) ? [`#${CSS.escape(element.id)}`] : [];
  const tag = element.localName;
  const alone = [...id, ...namesOf(element).map((name) => `${tag}${name}`), tag].find((selector) => isOnly(element, selector));
  if (alone) return alone;
  const parent = element.parentElement;
  if (!parent) return tag;
  const same = [...parent.children].filter((each) => each.localName === tag);
  return `${uniqueSelector(parent)} > ${tag}${same.length > 1 ? `:nth-of-type(${same.indexOf(element) + 1})` : ""}`;
}

function isOnly(element: Element, selector: string): boolean {
  const found = [...element.ownerDocument.querySelectorAll(selector)].filter(isVisible);
  return found.length === 1 && found[0] === element;
}

/** The editor around what was clicked: editors fill their boxes with paragraphs. */
function editable(element: Element): Element {
  const box = element.closest("textarea, input, [contenteditable=''], [contenteditable='true']");
  const inside = element.querySelector("textarea, [contenteditable='true']");
  const found = box ?? inside;
  if (!found) throw new Error("That is not a box to write in.");
  return found;
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
