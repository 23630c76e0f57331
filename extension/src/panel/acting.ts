import type { CopilotClient } from "../api/client.js";
import type { Action } from "../api/model.js";
import { copyText } from "./clipboard.js";
import type { Command } from "./commands.js";
import { emit, type WriteBack } from "./events.js";
import { FeedbackRecorder } from "./feedback.js";
import type { L10n } from "./l10n/index.js";
import { HostError, messageOf, type RequestDetail, serverRequests } from "./requests.js";

/** What acting needs of the panel. */
export interface Stage extends HTMLElement {
  readonly client: CopilotClient;
  readonly conversationId: string;
  readonly feedbackSink: Pick<CopilotClient, "sendFeedback"> | null;
  readonly l10n: L10n;
  notify(text: string, action?: { readonly label: string; readonly run: () => void }): void;
  showPassage(passageId: string): void;
  requestUpdate(): void;
}

/** Does what cards ask for: with the server, the host page, the clipboard; and keeps what is under way. */
export class Acting {
  /** Ids of the actions with a request on its way. */
  busy: ReadonlySet<string> = new Set();
  /** What the server said against a request, by action id. */
  errors: ReadonlyMap<string, string> = new Map();
  readonly feedback: FeedbackRecorder;

  constructor(private readonly stage: Stage) {
    this.feedback = new FeedbackRecorder(
      () => stage.feedbackSink ?? stage.client,
      () => stage.requestUpdate(),
      (error) => stage.notify(stage.l10n.t.panel.notRecorded(messageOf(error, stage.l10n))),
    );
  }

  /** Forgets all of it: another conversation is shown. */
  clear(): void {
    this.busy = new Set();
    this.errors = new Map();
    this.feedback.clear();
  }

  readonly onCommand = (event: CustomEvent<Command>): void => void this.run(event.detail);

  readonly onRequest = (event: CustomEvent<RequestDetail>): void => {
    const { kind, body, settle } = event.detail;
    const answers = {
      ...serverRequests(this.stage.client, this.stage.conversationId),
      "own-text": () => this.ownText(),
      "write-back": (filed: WriteBack) =>
        this.hostDoes((waitUntil) => emit(this.stage, "copilot:write-back", { ...filed, waitUntil })),
    };
    settle((answers[kind] as (body: unknown) => Promise<unknown>)(body) as never);
  };

  private async run(command: Command): Promise<void> {
    switch (command.kind) {
      case "insert":
        return this.insert(command);
      case "copy":
        return this.copy(command);
      case "rate":
        return this.feedback.rated(command.id, command.useful, command.reason);
      case "approve-action":
        return this.act(command.action, (client) => client.approve(command.action));
      case "reject-action":
        return this.act(command.action, (client) => client.reject(command.action, command.reason));
      case "edit-action":
        return this.act(command.action, (client) => client.editArguments(command.action, command.args));
      case "resolve-action":
        return this.act(command.action, (client) => client.resolve(command.action, command.outcome, command.evidence));
      case "show-passage":
        return this.stage.showPassage(command.passageId);
      case "show-turns":
        emit(this.stage, "copilot:turn-selected", { turnIds: command.turnIds });
    }
  }

  private async ownText(): Promise<string> {
    let text: string | Promise<string> = "";
    emit(this.stage, "copilot:own-text-requested", { provide: (given) => (text = given) });
    return await text;
  }

  private async insert(command: Extract<Command, { kind: "insert" }>): Promise<void> {
    const { text, mode, suggestionId, edited } = command;
    const { stage } = this;
    try {
      await this.hostDoes((waitUntil) =>
        emit(stage, "copilot:suggestion-inserted", { text, mode, suggestionId, waitUntil }),
      );
    } catch (error) {
      const append = {
        label: stage.l10n.t.panel.appendInstead,
        run: () => {
          stage.notify("");
          void this.run({ ...command, mode: "append" });
        },
      };
      return stage.notify(messageOf(error, stage.l10n), mode === "insert" ? append : undefined);
    }
    if (suggestionId) await this.feedback.inserted(suggestionId, text, edited);
  }

  /** Rejects with what the host says when it could not. */
  private async hostDoes(tell: (waitUntil: (done: Promise<unknown>) => void) => void): Promise<void> {
    const waits: Promise<unknown>[] = [];
    tell((done) => waits.push(done));
    await Promise.all(waits).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : "";
      throw new HostError(message || this.stage.l10n.t.panel.notInserted);
    });
  }

  private async copy(command: Extract<Command, { kind: "copy" }>): Promise<void> {
    const { t } = this.stage.l10n;
    const copied = await copyText(command.text);
    this.stage.notify(copied ? t.panel.copied(command.what) : t.panel.notCopied);
    if (copied && command.suggestionId) {
      await this.feedback.copied(command.suggestionId, command.text, command.edited ?? false);
    }
  }

  private async act(action: Action, request: (client: CopilotClient) => Promise<Action>): Promise<void> {
    if (this.busy.has(action.id)) return;
    this.busy = new Set(this.busy).add(action.id);
    this.errors = new Map([...this.errors].filter(([id]) => id !== action.id));
    this.stage.requestUpdate();
    try {
      await request(this.stage.client); // What became of it arrives as an event, for every panel alike.
    } catch (error) {
      this.errors = new Map(this.errors).set(action.id, messageOf(error, this.stage.l10n));
    } finally {
      this.busy = new Set([...this.busy].filter((id) => id !== action.id));
      this.stage.requestUpdate();
    }
  }
}
