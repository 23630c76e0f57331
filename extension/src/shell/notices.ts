/** The lines around the panel: what is the matter, what to decide, which site this is. */

export interface Choice {
  readonly label: string;
  readonly act: () => void;
}

/** A line of text with buttons; empty text hides it. */
export function show(line: HTMLElement, text: string, choices: readonly Choice[] = []): void {
  const buttons = choices.map(({ label, act }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", act);
    return button;
  });
  const words = document.createElement("span");
  words.textContent = text;
  line.replaceChildren(words, ...buttons);
  line.hidden = !text;
}

/** Asks on `line` and resolves with the number of the choice. A new question takes the old one's place, as `null`. */
export class Question {
  private giveUp: (() => void) | null = null;

  constructor(private readonly line: HTMLElement) {}

  ask(text: string, labels: readonly string[]): Promise<number | null> {
    this.close();
    return new Promise((resolve) => {
      const end = (answer: number | null): void => {
        this.giveUp = null;
        show(this.line, "");
        resolve(answer);
      };
      this.giveUp = () => end(null);
      show(this.line, text, labels.map((label, index) => ({ label, act: () => end(index) })));
      this.line.querySelector("button")?.focus();
    });
  }

  close(): void {
    this.giveUp?.();
  }
}
