import type { AssistEvent } from "../api/model.js";
import type { L10n } from "./l10n/index.js";
import type { PanelState } from "./state.js";

/** What a screen reader says of a card once it is complete; null for everything still under way. */
export function announcementFor(event: AssistEvent, state: PanelState, { t }: L10n): string | null {
  if (event.type !== "snapshot" && event.revision < state.revision && event.type !== "action.updated") return null;
  switch (event.type) {
    case "knowledge":
      if (event.data.unchanged) return null;
      return event.data.answered ? t.knowledge.shown(event.data.cards.length) : t.knowledge.none;
    case "suggestion.completed":
      return t.reply.ready(event.data.sentences.length);
    case "suggestion.silent":
      return t.reply.silent;
    case "alert":
      return `${t.attention[event.data.reason]}: ${event.data.message}`;
    case "ask.answered":
      return t.finder.answerReady;
    case "action.updated":
      return `${t.action.status[event.data.status]}: ${event.data.preview}`;
    case "wrap_up":
      return t.summary.ready;
    case "degraded":
      return event.data.message;
    default:
      return null;
  }
}
