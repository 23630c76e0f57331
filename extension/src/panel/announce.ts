import type { AssistEvent } from "../api/model.js";
import type { PanelState } from "./state.js";

/** What a screen reader says of a card once it is complete; null for everything still under way. */
export function announcementFor(event: AssistEvent, state: PanelState): string | null {
  if (event.type !== "snapshot" && event.revision < state.revision && event.type !== "action.updated") return null;
  switch (event.type) {
    case "knowledge":
      return event.data.answered ? `${count(event.data.cards.length, "passage")} found` : "Not in the knowledge base";
    case "suggestion.completed":
      return `Draft ready: ${count(event.data.sentences.length, "sentence")}`;
    case "action.updated":
      return event.data.status === "proposed" ? `Approval needed: ${event.data.preview}` : `${event.data.preview}: ${event.data.status.replaceAll("_", " ")}`;
    case "wrap_up":
      return "Wrap-up ready";
    case "degraded":
      return event.data.message;
    default:
      return null;
  }
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
