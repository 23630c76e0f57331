/** A Zendesk app (ZAF v2) in the ticket sidebar. The key stays in Zendesk's secure settings: its proxy adds it. */
import type { Grant, Insertion } from "../../src/widget/copilot.js";
import { mount } from "../../src/widget/loader.js";
import { asHtml, Relay, wordsOf } from "../relay.js";

/** The part of the ZAF client that is used here (developer.zendesk.com, "Client API"). */
interface ZafClient {
  metadata(): Promise<{ settings: Record<string, string> }>;
  get(paths: string | readonly string[]): Promise<Record<string, unknown>>;
  invoke(action: string, ...args: unknown[]): Promise<unknown>;
  request(options: Record<string, unknown>): Promise<unknown>;
  on(event: string, handler: () => void): void;
}

interface Comment {
  readonly id?: number | string;
  readonly value: string;
  readonly public?: boolean;
  readonly author: { readonly id?: number; readonly role: string };
}

const TICKET = ["ticket.id", "ticket.subject", "ticket.requester.email", "ticket.via.channel", "currentUser"];
const LIVE = ["chat", "messaging", "native_messaging", "whatsapp"];

async function start(client: ZafClient): Promise<void> {
  const { settings } = await client.metadata();
  const server = settings["server"] ?? "";
  const name = settings["integration"] || "zendesk";
  const ticket = await client.get(TICKET);
  const number = String(ticket["ticket.id"]);
  const user = ticket["currentUser"] as { id: number; name: string };
  const email = ticket["ticket.requester.email"];
  const external = {
    id: `${name}:${number}`,
    channel: LIVE.includes(String(ticket["ticket.via.channel"])) ? "chat" : "email",
    subject: String(ticket["ticket.subject"] ?? "").slice(0, 500),
    ...(typeof email === "string" && email ? { customer_email: email } : {}),
  };
  const widget = mount({
    target: "#copilot",
    server,
    conversation: external.id,
    getToken: async () =>
      (await client.request({
        url: `${server}/v1/widget/tokens`,
        type: "POST",
        contentType: "application/json",
        headers: { Authorization: "Bearer {{setting.key}}" },
        data: JSON.stringify({ external, representative: { id: `${name}-${user.id}`, name: user.name } }),
        secure: true,
      })) as Grant,
  });
  widget.on("suggestion-inserted", ({ text, waitUntil }: Insertion) => waitUntil(insert(client, text)));
  const relay = new Relay(widget);
  const follow = async (): Promise<void> => {
    const { "ticket.comments": comments } = await client.get("ticket.comments");
    relay.follow(turnsOf(`${name}:${number}`, comments as Comment[]));
  };
  for (const event of ["ticket.comments.changed", "ticket.conversation.changed", "app.activated"]) {
    client.on(event, () => void follow());
  }
  await follow();
  await client.invoke("resize", { width: "100%", height: "640px" });
}

/** Named as the server names what webhooks tell, so that both together make each comment one turn. */
function turnsOf(ticket: string, comments: readonly Comment[]): { speaker: "customer" | "representative"; text: string; id: string }[] {
  return comments.flatMap(({ id, value, public: isPublic, author }, index) => {
    if (isPublic === false || (index > 0 && id === undefined)) return [];
    const speaker = author.role === "end-user" ? ("customer" as const) : ("representative" as const);
    return [{ speaker, text: wordsOf(value), id: `${ticket}:${index === 0 ? "first" : id}` }];
  });
}

/** Below what stands in the editor. It takes HTML, so the text is escaped; in chat it does not, and appends. */
async function insert(client: ZafClient, text: string): Promise<void> {
  try {
    await client.invoke("ticket.editor.insert", asHtml(text));
  } catch {
    await client.invoke("comment.appendText", asHtml(text));
  }
}

declare const ZAFClient: { init(): ZafClient };
void start(ZAFClient.init());
