/** Lets the representative point at an element of the page. Only real clicks count, never ones the page makes. */

const COLOUR = "#14616b";

export interface Picking {
  /** What was pointed at; null when given up. */
  readonly done: Promise<Element | null>;
  readonly cancel: () => void;
}

export function pickElement(page: Document): Picking {
  const frame = page.createElement("div");
  Object.assign(frame.style, {
    all: "initial",
    position: "fixed",
    zIndex: "2147483647",
    pointerEvents: "none",
    border: `2px solid ${COLOUR}`,
    background: `${COLOUR}22`,
    borderRadius: "4px",
  });
  page.documentElement.append(frame);
  const stopped = new AbortController();
  const options = { capture: true, signal: stopped.signal };
  let finish: (element: Element | null) => void = () => undefined;
  const done = new Promise<Element | null>((resolve) => {
    finish = (element) => {
      stopped.abort();
      frame.remove();
      resolve(element);
    };
  });

  const swallow = (event: Event): void => {
    if (!event.isTrusted) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  page.addEventListener("pointermove", (event) => surround(frame, target(event)), options);
  for (const kind of ["pointerdown", "pointerup", "mousedown", "mouseup"] as const) page.addEventListener(kind, swallow, options);
  page.addEventListener(
    "click",
    (event) => {
      if (!event.isTrusted) return;
      swallow(event);
      finish(target(event));
    },
    options,
  );
  page.addEventListener(
    "keydown",
    (event) => {
      if (!event.isTrusted || event.key !== "Escape") return;
      swallow(event);
      finish(null);
    },
    options,
  );
  return { done, cancel: () => finish(null) };
}

function target(event: Event): Element | null {
  const [innermost] = event.composedPath();
  return innermost instanceof Element ? innermost : null;
}

function surround(frame: HTMLElement, element: Element | null): void {
  const box = element?.getBoundingClientRect();
  Object.assign(frame.style, {
    left: `${box?.left ?? 0}px`,
    top: `${box?.top ?? 0}px`,
    width: `${box?.width ?? 0}px`,
    height: `${box?.height ?? 0}px`,
  });
}
