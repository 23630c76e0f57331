/** Runs in the help desk's page, where the representative asked for it: reads messages, fills the reply box. */
import { insertInto, type InsertOutcome } from "./insert.js";
import { PORT_NAME, type ToPage, type ToPanel } from "./messages.js";
import { GenericSite } from "./sites/generic.js";
import { watch } from "./sites/watch.js";

function serve(port: chrome.runtime.Port): void {
  let site: GenericSite | null = null;
  let stop = (): void => undefined;
  const post = (message: ToPanel): void => port.postMessage(message);

  const insert = async (conversation: string, text: string): Promise<InsertOutcome> => {
    if (!site || site.read()?.id !== conversation) {
      return { ok: false, reason: "Another conversation is open in the page now." };
    }
    return insertInto(site.composer(), text);
  };

  port.onMessage.addListener((message: ToPage) => {
    if (message.kind === "watch") {
      stop();
      site = new GenericSite(message.site, document, () => location.href);
      stop = watch(site, document, (seen) => post({ kind: "conversation", seen }));
    } else {
      void insert(message.conversation, message.text).then((outcome) =>
        post({ kind: "inserted", request: message.request, outcome }),
      );
    }
  });
  port.onDisconnect.addListener(() => stop());
}

const page = globalThis as { copilotContentScript?: true };
if (!page.copilotContentScript) {
  page.copilotContentScript = true; // Injected again by every panel that opens; one listener is enough.
  chrome.runtime.onConnect.addListener((port) => {
    if (port.name === PORT_NAME) serve(port);
  });
}
