import { ApiError, type CopilotClient } from "../api/client.js";
import { ENDED } from "./company/person.js";
import { WRONG_SERVER } from "./outbox.js";

export interface ServerCheck {
  readonly ok: boolean;
  /** Fit to show. */
  readonly message: string;
  /** Whether asking again can help without anybody doing anything. */
  readonly again: boolean;
}

/** Whether a copilot server answers, and takes the key or the company's account. */
export async function checkServer(client: Pick<CopilotClient, "listConversations">, by: "key" | "account" = "key"): Promise<ServerCheck> {
  try {
    const { items } = await client.listConversations(1);
    return Array.isArray(items) ? { ok: true, message: "Connected", again: false } : wrong();
  } catch (error) {
    if (!(error instanceof ApiError) || [404, 405].includes(error.status)) return wrong();
    if (by === "account" && [401, 403].includes(error.status)) return { ok: false, message: refusal(error), again: false };
    if (error.status === 401) return { ok: false, message: "The server does not accept this key.", again: false };
    if (error.status === 403) return { ok: false, message: "This key may not read conversations.", again: false };
    return { ok: false, message: `${error.message} Trying again by itself.`, again: true };
  }
}

function wrong(): ServerCheck {
  return { ok: false, message: WRONG_SERVER, again: true };
}

function refusal(error: ApiError): string {
  return error.problem.code === ENDED ? error.message : `The server does not accept this account. ${error.message}`;
}
