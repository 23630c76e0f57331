import type { Widget, WidgetTurn } from "../src/widget/copilot.js";

/** Tells the copilot of a helpdesk's messages, each once, whenever the helpdesk shows the list anew. */
export class Relay {
  private told = new Set<string>();

  constructor(private readonly widget: Pick<Widget, "addTurn">) {}

  /** Another conversation is open: its messages are new to us. */
  forget(): void {
    this.told = new Set();
  }

  follow(turns: readonly (WidgetTurn & { readonly id: string })[]): void {
    for (const turn of turns) {
      if (!turn.text || this.told.has(turn.id)) continue;
      this.told.add(turn.id);
      const { told } = this;
      this.widget.addTurn(turn).catch(() => told.delete(turn.id)); // It comes again with the next list.
    }
  }
}

const BLOCKS = "p, div, br, li, tr, blockquote, h1, h2, h3, h4, pre";

/** The words of a message's HTML, a line for each block. It is read in a document of its own, where nothing runs. */
export function wordsOf(html: string): string {
  const { body } = new DOMParser().parseFromString(html, "text/html");
  for (const silent of body.querySelectorAll("script, style")) silent.remove();
  for (const block of body.querySelectorAll(BLOCKS)) block.append("\n");
  for (const line of body.querySelectorAll("br")) line.replaceWith("\n");
  const lines = (body.textContent ?? "").split("\n").map((line) => line.replace(/\s+/g, " ").trim());
  return lines.filter(Boolean).join("\n");
}

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Text for an editor that takes HTML: it stays text there. */
export function asHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => ESCAPES[c]!).replace(/\n/g, "<br>");
}
