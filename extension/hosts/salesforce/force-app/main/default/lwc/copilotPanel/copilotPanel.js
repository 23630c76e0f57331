import { api, LightningElement, wire } from "lwc";
import { loadScript } from "lightning/platformResourceLoader";
import { APPLICATION_SCOPE, MessageContext, subscribe, unsubscribe } from "lightning/messageService";
import { getConversationLog, setAgentInput } from "lightning/conversationToolkitApi";
import END_USER_MESSAGE from "@salesforce/messageChannel/lightning__conversationEndUserMessage";
import AGENT_SEND from "@salesforce/messageChannel/lightning__conversationAgentSend";
import COPILOT from "@salesforce/resourceUrl/copilot";
import mintToken from "@salesforce/apex/CopilotTokens.mint";
import { contactOf, turnsOfLog } from "./conversation";

const UNTIL_IT_IS_IN_THE_LOG_MS = 700; // A representative's message is told of before it is sent.

/** The copilot's panel on a Messaging Session page of Salesforce Service Cloud (enhanced messaging). */
export default class CopilotPanel extends LightningElement {
  @api recordId;
  /** The copilot's address; set where the component is placed. */
  @api server;

  @wire(MessageContext) messageContext;

  problem = "";
  widget;
  begun = false;
  subscriptions = [];

  async renderedCallback() {
    if (this.begun) return;
    this.begun = true;
    try {
      await loadScript(this, COPILOT);
      this.mount();
      this.listen();
      await this.readLog();
    } catch (error) {
      this.tell(error);
    }
  }

  disconnectedCallback() {
    for (const subscription of this.subscriptions) unsubscribe(subscription);
    this.subscriptions = [];
    this.widget?.destroy();
    this.widget = undefined;
  }

  mount() {
    this.widget = window.Copilot.mount({
      target: this.refs.panel,
      server: this.server,
      conversation: `salesforce:${this.recordId}`,
      getToken: async () => JSON.parse(await mintToken({ external: JSON.stringify(contactOf(this.recordId)) })),
    });
    // Into the composer, never sent; what stands there stays.
    this.widget.on("suggestion-inserted", ({ text, waitUntil }) =>
      waitUntil(setAgentInput(this.recordId, text, { setAtCursor: true })),
    );
  }

  /** The channels say that something was said; the log says what, under a name that lasts. */
  listen() {
    for (const channel of [END_USER_MESSAGE, AGENT_SEND]) {
      const heard = ({ recordId }) => {
        if (recordId !== this.recordId) return;
        // eslint-disable-next-line @lwc/lwc/no-async-operation
        setTimeout(() => this.readLog().catch((error) => this.tell(error)), UNTIL_IT_IS_IN_THE_LOG_MS);
      };
      this.subscriptions.push(subscribe(this.messageContext, channel, heard, { scope: APPLICATION_SCOPE }));
    }
  }

  async readLog() {
    const { messages } = await getConversationLog(this.recordId);
    for (const turn of turnsOfLog(this.recordId, messages)) {
      this.widget?.addTurn(turn).catch((error) => this.tell(error));
    }
  }

  tell(error) {
    this.problem = error?.body?.message ?? error?.message ?? "The copilot could not be loaded.";
  }
}
