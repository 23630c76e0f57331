/** Looking things up in a page, shadow trees included, and reading the text of what was found. */

type Root = Document | ShadowRoot | Element;

interface ExtensionDom {
  readonly dom?: { openOrClosedShadowRoot(element: HTMLElement): ShadowRoot | null };
}

const BLOCKS = new Set(
  "ADDRESS ARTICLE BLOCKQUOTE DD DIV DL DT FIGURE FOOTER H1 H2 H3 H4 H5 H6 HEADER HR LI OL P PRE SECTION TABLE TR UL".split(" "),
);
const SILENT = new Set(["SCRIPT", "STYLE", "TEMPLATE", "NOSCRIPT", "BUTTON"]);
// Editors keep an empty line or a caret's place with these.
const INVISIBLE = /[\u200b\ufeff]/g;
// Where a block, or a paragraph, begins or ends; a <br> just before only keeps the block open.
const [EDGE, PARAGRAPH] = ["\u0001", "\u0002"];
const EDGES = /\n?[ \t]*([\u0001\u0002][\u0001\u0002 \t]*)/g;

/** The shadow root of `element`, closed ones too where the browser lets extensions look. */
function shadowOf(element: Element): ShadowRoot | null {
  if (element.shadowRoot) return element.shadowRoot;
  if (!element.localName.includes("-")) return null;
  const firefox = element as { openOrClosedShadowRoot?: ShadowRoot | null };
  const chromium = (globalThis as { chrome?: ExtensionDom }).chrome?.dom;
  return firefox.openOrClosedShadowRoot ?? chromium?.openOrClosedShadowRoot(element as HTMLElement) ?? null;
}

/** `root` and every shadow root below it, outermost first. */
export function rootsOf(root: Root, shadow: boolean): Root[] {
  if (!shadow) return [root];
  const found: Root[] = [root];
  const own = root instanceof Element ? shadowOf(root) : null;
  if (own) found.push(...rootsOf(own, true));
  for (const element of root.querySelectorAll("*")) {
    const inner = shadowOf(element);
    if (inner) found.push(...rootsOf(inner, true));
  }
  return found;
}

export function findAll(root: Root, selector: string, shadow = false): HTMLElement[] {
  return rootsOf(root, shadow).flatMap((each) => [...each.querySelectorAll<HTMLElement>(selector)]);
}

/** Whether `element` is, or holds, what `selector` describes. */
export function has(element: Element, selector: string, shadow = false): boolean {
  return element.matches(selector) || findAll(element, selector, shadow).length > 0;
}

export function isVisible(element: Element): boolean {
  return element.checkVisibility?.() ?? true;
}

/** The text as a reader sees it, lines and paragraphs kept; nothing of what `omit` matches. */
export function textOf(element: Element, omit = ""): string {
  const text = gather(element, omit)
    .replace(INVISIBLE, "")
    .replaceAll("\u00a0", " ")
    .replace(EDGES, (edges) => (edges.includes(PARAGRAPH) ? "\n\n" : "\n"));
  return text.replace(/[ \t]*\n[ \t]*/g, "\n").replace(/\n{3,}/g, "\n\n").trim();
}

function gather(node: Node, omit: string): string {
  if (node.nodeType === Node.TEXT_NODE) return collapse(node);
  if (!(node instanceof Element)) return node instanceof ShadowRoot ? inside(node, omit) : "";
  if (SILENT.has(node.tagName) || (omit && node.matches(omit))) return "";
  if (node.tagName === "BR") return "\n";
  if (node.tagName === "IMG") return node.getAttribute("alt") ?? "";
  if (node instanceof HTMLSlotElement && node.assignedNodes().length) {
    return node.assignedNodes().map((each) => gather(each, omit)).join("");
  }
  const text = inside(shadowOf(node) ?? node, omit);
  if (!BLOCKS.has(node.tagName)) return text;
  const edge = node.tagName === "P" ? PARAGRAPH : EDGE;
  return `${edge}${text}${edge}`;
}

function inside(node: Node, omit: string): string {
  return [...node.childNodes].map((each) => gather(each, omit)).join("");
}

function collapse(node: Node): string {
  const text = node.nodeValue ?? "";
  const kept = node.parentElement?.closest("pre, [style*='white-space']");
  return kept ? text : text.replace(/[ \t\r\n]+/g, " ");
}
