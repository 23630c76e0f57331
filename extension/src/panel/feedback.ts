import type { CopilotClient } from "../api/client.js";
import type { AssistEvent, FeedbackVerdict } from "../api/model.js";
import type { Messages } from "./l10n/index.js";
import type { PanelState } from "./state.js";
import { sameWords } from "./text.js";

/** What was done with a suggestion, as its card says it. */
export type Use = keyof Pick<
  Messages["reply"],
  "inserted" | "insertedEdited" | "sentEdited" | "copied" | "noted" | "ignored"
>;

interface Known {
  readonly use: Use;
  readonly verdict: FeedbackVerdict;
  /** What went into the reply box; "" when nothing did. */
  readonly text: string;
  readonly reason?: string;
}

/** Records by itself what becomes of suggestions: used, edited, ignored; and what representatives say of them. */
export class FeedbackRecorder {
  private known: ReadonlyMap<string, Known> = new Map();
  /** The last word on a suggestion that is on its way: the next one waits for it, that it is not overtaken. */
  private readonly onTheirWay = new Map<string, Promise<void>>();

  constructor(
    private readonly sink: () => Pick<CopilotClient, "sendFeedback">,
    private readonly changed: () => void,
    private readonly failed: (error: unknown) => void,
  ) {}

  clear(): void {
    this.known = new Map();
  }

  useOf(id: string | undefined): Use | null {
    return (id && this.known.get(id)?.use) || null;
  }

  inserted(id: string, text: string, edited: boolean): Promise<void> {
    return edited
      ? this.record(id, { use: "insertedEdited", verdict: "edited", text })
      : this.record(id, { use: "inserted", verdict: "used", text });
  }

  copied(id: string, text: string, edited: boolean): Promise<void> {
    return this.record(id, { use: "copied", verdict: edited ? "edited" : "used", text });
  }

  /** A thumb up keeps what is known of the use; a thumb down has the last word. */
  rated(id: string, useful: boolean, reason: string): Promise<void> {
    if (!useful) return this.record(id, { use: "noted", verdict: "rejected", text: "", reason });
    const known = this.known.get(id);
    const verdict = known?.verdict === "edited" ? "edited" : "used";
    return this.record(id, { use: known?.use ?? "noted", verdict, text: known?.text ?? "", reason });
  }

  /** A draft that stood there when the representative answered was sent, sent changed, or ignored. */
  sees(before: PanelState, event: AssistEvent): void {
    const draft = before.drafts.completed;
    if (event.type !== "turn" || event.data.speaker !== "representative" || !draft) return;
    if (draft.revision >= event.revision) return;
    const known = this.known.get(draft.id);
    if (!known) void this.record(draft.id, { use: "ignored", verdict: "ignored", text: "" });
    else if (known.verdict === "used" && known.text && !sameWords(event.data.text).includes(sameWords(known.text))) {
      void this.record(draft.id, { use: "sentEdited", verdict: "edited", text: event.data.text });
    }
  }

  private record(id: string, now: Known): Promise<void> {
    const before = this.known.get(id);
    this.note(id, now);
    const earlier = this.onTheirWay.get(id);
    const sent = (earlier ? earlier.then(() => this.send(id, now)) : this.send(id, now))
      .catch((error: unknown) => {
        if (this.known.get(id) === now) this.note(id, before);
        this.failed(error);
      })
      .finally(() => {
        if (this.onTheirWay.get(id) === sent) this.onTheirWay.delete(id);
      });
    this.onTheirWay.set(id, sent);
    return sent;
  }

  private async send(id: string, { verdict, text, reason }: Known): Promise<void> {
    await this.sink().sendFeedback(id, {
      verdict,
      ...(verdict === "edited" && text ? { final_text: text } : {}),
      ...(reason ? { reason } : {}),
    });
  }

  private note(id: string, known: Known | undefined): void {
    const next = new Map(this.known);
    if (known) next.set(id, known);
    else next.delete(id);
    this.known = next;
    this.changed();
  }
}
