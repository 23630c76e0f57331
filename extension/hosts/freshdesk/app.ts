/** A Freshdesk app (platform 3.0) in the ticket sidebar. Keys stay in secure parameters: request templates add them. */
import type { Grant, Insertion } from "../../src/widget/copilot.js";
import { mount } from "../../src/widget/loader.js";
import { asHtml, Relay } from "../relay.js";

/** The part of the app client that is used here (developers.freshworks.com, app SDK 3.0). */
interface FreshClient {
  readonly data: { get(name: string): Promise<Record<string, Record<string, unknown>>> };
  readonly iparams: { get(...names: string[]): Promise<Record<string, string>> };
  readonly request: { invokeTemplate(name: string, options: Record<string, unknown>): Promise<{ response: string }> };
  readonly interface: { trigger(action: string, options: Record<string, unknown>): Promise<unknown> };
  readonly events: { on(event: string, handler: () => void): void };
}

interface Entry {
  readonly id: number;
  readonly body_text: string;
  readonly incoming: boolean;
  readonly private: boolean;
}

const ASK_AGAIN_MS = 15_000;
const CHAT_SOURCES = [7, 13]; // chat, WhatsApp

async function start(client: FreshClient): Promise<void> {
  const { server = "", integration } = await client.iparams.get("server", "integration");
  const name = integration || "freshdesk";
  const ticket = (await client.data.get("ticket"))["ticket"]!;
  const contact = (await client.data.get("contact"))["contact"] ?? {};
  const user = (await client.data.get("loggedInUser"))["loggedInUser"]!;
  const person = (user["user"] ?? user) as { id: number; name?: string };
  const external = {
    id: `${name}:${String(ticket["id"])}`,
    channel: CHAT_SOURCES.includes(Number(ticket["source"])) ? "chat" : "email",
    subject: String(ticket["subject"] ?? "").slice(0, 500),
    ...(contact["email"] ? { customer_email: String(contact["email"]) } : {}),
  };
  const widget = mount({
    target: "#copilot",
    server,
    conversation: external.id,
    getToken: async () => {
      const representative = { id: `${name}-${person.id}`, name: person.name ?? `Representative ${person.id}` };
      const answer = await client.request.invokeTemplate("mintToken", { body: JSON.stringify({ external, representative }) });
      return JSON.parse(answer.response) as Grant;
    },
  });
  widget.on("suggestion-inserted", ({ text, waitUntil }: Insertion) => waitUntil(insert(client, text)));
  const relay = new Relay(widget);
  const first = { speaker: "customer" as const, text: String(ticket["description_text"] ?? "").trim(), id: `${external.id}:first` };
  const follow = async (): Promise<void> => {
    const answer = await client.request.invokeTemplate("getConversations", { context: { ticket_id: String(ticket["id"]) } });
    const entries = JSON.parse(answer.response) as Entry[];
    const turns = entries.filter((entry) => !entry.private).map((entry) => ({
      speaker: entry.incoming ? ("customer" as const) : ("representative" as const),
      text: entry.body_text.trim(),
      id: `${external.id}:${entry.id}`,
    }));
    relay.follow([first, ...turns]);
  };
  client.events.on("app.activated", () => void follow());
  setInterval(() => document.hidden || void follow(), ASK_AGAIN_MS);
  await follow();
}

/** Opens the reply editor and puts the text below what stands there. It takes HTML, so the text is escaped. */
async function insert(client: FreshClient, text: string): Promise<void> {
  await client.interface.trigger("click", { id: "reply" });
  await client.interface.trigger("setValue", { id: "editor", text: asHtml(text), replace: false, position: "end" });
}

declare const app: { initialized(): Promise<FreshClient> };
void app.initialized().then(start);
