import { afterEach, describe, expect, it } from "vitest";
import { insertInto, undoInsert } from "../src/shell/insert.js";
import { normaliseServerUrl } from "../src/shell/settings.js";
import { zendesk } from "../src/shell/sites/zendesk.js";
import { SiteReader } from "../src/shell/sites/reader.js";
import { watch } from "../src/shell/sites/watch.js";
import type { SeenConversation, SiteConfig } from "../src/shell/sites/adapter.js";

afterEach(() => document.body.replaceChildren());

function replyBox(draft = ""): HTMLTextAreaElement {
  document.body.innerHTML = `<textarea></textarea>`;
  const box = document.querySelector("textarea")!;
  box.value = draft;
  return box;
}

describe("insertInto", () => {
  it("fills an empty reply box so that the page notices", async () => {
    const box = replyBox();
    let heard = "";
    box.addEventListener("input", () => (heard = box.value));
    expect(await insertInto(box, "It shipped.")).toMatchObject({ ok: true });
    expect(heard).toBe("It shipped.");
  });

  it("asks before it touches a draft", async () => {
    const box = replyBox("Dear Ana");
    expect(await insertInto(box, "It shipped.")).toMatchObject({ ok: false, code: "draft" });
    expect(box.value).toBe("Dear Ana");
  });

  it("appends to a draft or replaces it when told to, and takes it back", async () => {
    const box = replyBox("Dear Ana");
    const appended = await insertInto(box, "It shipped.", "append");
    expect(box.value).toBe("Dear Ana\n\nIt shipped.");
    expect(await undoInsert(appended.inserted!)).toBe(true);
    expect(box.value).toBe("Dear Ana");
    await insertInto(box, "It shipped.", "replace");
    expect(box.value).toBe("It shipped.");
  });

  it("does not take back what was changed since", async () => {
    const box = replyBox();
    const { inserted } = await insertInto(box, "It shipped.");
    box.value += " Best, Robin";
    expect(await undoInsert(inserted!)).toBe(false);
    expect(box.value).toBe("It shipped. Best, Robin");
  });

  it("says when the page takes the text away again, or there is no box", async () => {
    const box = replyBox();
    box.addEventListener("input", () => (box.value = ""));
    expect(await insertInto(box, "It shipped.")).toMatchObject({ ok: false, code: "refused" });
    expect(await insertInto(null, "It shipped.")).toMatchObject({ ok: false, code: "missing" });
  });
});

describe("watch", () => {
  const SITE: SiteConfig = { ...zendesk, conversation: { address: "/tickets/(\\d+)" }, thread: "main", message: "p", text: "", messageId: "", role: { customer: ".c" } };
  const settle = (milliseconds = 250): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

  it("waits until a single-page application has changed the messages too", async () => {
    document.body.innerHTML = `<main><p class="c">Of ticket 81</p></main>`;
    let address = "https://d.example/tickets/81";
    const seen: (SeenConversation | null)[] = [];
    const stop = watch(new SiteReader(SITE, document, () => address), document, {
      onConversation: (conversation) => seen.push(conversation),
      onCustomerTyping: () => undefined,
    });
    address = "https://d.example/tickets/82";
    document.querySelector("main")!.setAttribute("class", "loading");
    await settle();
    expect(seen.map((each) => each?.id)).toEqual(["81"]);
    document.querySelector("p")!.replaceWith(Object.assign(document.createElement("p"), { textContent: "Of ticket 82" }));
    await settle();
    address = "https://d.example/";
    await settle(1000);
    stop();
    expect(seen.map((each) => each && [each.id, each.messages[0]!.text])).toEqual([["81", "Of ticket 81"], ["82", "Of ticket 82"], null]);
  });
});

describe("normaliseServerUrl", () => {
  it("keeps the origin", () => expect(normaliseServerUrl(" https://copilot.example/app ")).toBe("https://copilot.example"));

  it.each(["copilot", "http://copilot.example", "ftp://127.0.0.1"])("refuses %s", (text) => {
    expect(() => normaliseServerUrl(text)).toThrow(/address/);
  });
});
