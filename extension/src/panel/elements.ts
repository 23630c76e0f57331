/** Makes elements known to the page, each once, whoever asks first. */
export function defineAll(elements: Readonly<Record<string, CustomElementConstructor>>): void {
  for (const [name, element] of Object.entries(elements)) {
    if (!customElements.get(name)) customElements.define(name, element);
  }
}

/** Resolves once the parts that are not there from the beginning are. */
export async function loadMore(): Promise<void> {
  (await import("./more.js")).defineMore();
}
