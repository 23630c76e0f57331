import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { chatwoot } from "../src/shell/sites/chatwoot.js";
import type { SiteConfig } from "../src/shell/sites/adapter.js";
import { freshdesk } from "../src/shell/sites/freshdesk.js";
import { conversationPattern, genericSite } from "../src/shell/sites/generic.js";
import { gmail } from "../src/shell/sites/gmail.js";
import { hubspot } from "../src/shell/sites/hubspot.js";
import { intercom } from "../src/shell/sites/intercom.js";
import { SiteReader } from "../src/shell/sites/reader.js";
import { siteFor } from "../src/shell/sites/registry.js";
import { salesforce } from "../src/shell/sites/salesforce.js";
import { zendesk } from "../src/shell/sites/zendesk.js";

const SITES = { zendesk, salesforce, freshdesk, hubspot, intercom, chatwoot, gmail };
const FOLDER = join(import.meta.dirname, "sites");
const EXPECTED = JSON.parse(readFileSync(join(FOLDER, "expected.json"), "utf8")) as Record<
  keyof typeof SITES,
  { url: string; id: string; channel: string }
>;
const SAID = [
  { speaker: "customer", text: "My lantern arrived with a cracked globe.\nOrder LF-1004820." },
  { speaker: "representative", text: "I am sorry to hear that." },
];

function load(name: string): void {
  const html = readFileSync(join(FOLDER, `${name}.html`), "utf8");
  const parsed = new DOMParser().parseFromString(html, "text/html");
  document.title = parsed.title;
  document.body.replaceChildren(...parsed.body.childNodes);
  openShadowTrees(document.body);
}

/** A parser given a string leaves declarative shadow trees closed up in their templates. */
function openShadowTrees(root: Element | ShadowRoot): void {
  for (const template of root.querySelectorAll<HTMLTemplateElement>("template[shadowrootmode]")) {
    const host = template.parentElement;
    if (!host || host.shadowRoot) continue;
    const shadow = host.attachShadow({ mode: "open" });
    shadow.append(...template.content.childNodes);
    template.remove();
    openShadowTrees(shadow);
  }
}

afterEach(() => document.body.replaceChildren());

describe.each(Object.keys(SITES) as (keyof typeof SITES)[])("%s", (name) => {
  const { url, id, channel } = EXPECTED[name];

  it("is known by its address", () => expect(siteFor(new URL(url), {})).toBe(SITES[name]));

  it("reads who said what, and nothing else", () => {
    load(name);
    const seen = new SiteReader(SITES[name], document, () => url).read();
    expect(seen).toMatchObject({ id, channel });
    const said = seen!.messages.filter((m) => m.text).map(({ speaker, text }) => ({ speaker, text: text.replace(/\n+/g, "\n") }));
    expect(said).toEqual(SAID);
    expect(new Set(seen!.messages.map((m) => m.id)).size).toBe(seen!.messages.length);
  });

  it("finds the reply box", () => {
    load(name);
    const composer = new SiteReader(SITES[name], document, () => url).composer();
    expect(composer?.matches("textarea, [contenteditable='true']")).toBe(true);
  });
});

describe("a page of one's own", () => {
  const PAGE = `
    <h1>Inbox</h1>
    <div class="thread">
      <div class="row theirs"><b>Ana</b><p class="words">Where is my tent?</p></div>
      <div class="row ours"><b>Robin</b><p class="words">Let me look.</p></div>
      <div class="row theirs"><b>Ana</b><p class="words">Thanks</p></div>
    </div>
    <form><textarea id="reply"></textarea></form>
    <p class="preview">I also</p>`;

  function taught(): SiteConfig {
    document.body.innerHTML = PAGE;
    const [customerMessage, ownMessage] = document.querySelectorAll(".words");
    const [composer, typing] = [document.querySelector("#reply")!, document.querySelector(".preview")!];
    return genericSite({ customerMessage: customerMessage!, ownMessage: ownMessage!, composer, typing }, "https://desk.example/tickets/81");
  }

  it("is read by what was pointed at, names left out", () => {
    const reader = new SiteReader(taught(), document, () => "https://desk.example/tickets/82");
    expect(reader.read()).toMatchObject({
      id: "82",
      messages: [
        { speaker: "customer", text: "Where is my tent?" },
        { speaker: "representative", text: "Let me look." },
        { speaker: "customer", text: "Thanks" },
      ],
    });
    expect(reader.composer()?.id).toBe("reply");
    expect(reader.customerTyping()).toBe("I also");
  });

  it("is refused when nothing tells the two apart", () => {
    document.body.innerHTML = `<div><p class="m">Hi</p><p class="m">Hello</p></div><textarea></textarea>`;
    const [customerMessage, ownMessage] = document.querySelectorAll(".m");
    const composer = document.querySelector("textarea")!;
    expect(() => genericSite({ customerMessage: customerMessage!, ownMessage: ownMessage!, composer }, "https://d.example/1")).toThrow(/told apart/);
  });

  it.each([
    ["https://desk.example/a/tickets/81?tab=x", "81"],
    ["https://desk.example/#/conversation/0b0e5f3a-9a11-4c7d-8a3e-2f7f4a1b9c00", "0b0e5f3a-9a11-4c7d-8a3e-2f7f4a1b9c00"],
    ["https://desk.example/inbox?ticket=AB12CD34EF", "AB12CD34EF"],
    ["https://desk.example/inbox", "/inbox"],
  ])("finds the conversation in %s", (address, id) => {
    expect(new RegExp(conversationPattern(new URL(address))).exec(address)?.[1]).toBe(id);
  });

  it("comes before what is known of the host", () => {
    const own = { ...zendesk, name: "ours" };
    expect(siteFor(new URL("https://larkfield.zendesk.com/x"), { "https://larkfield.zendesk.com": own })).toBe(own);
    expect(siteFor(new URL("https://zendesk.com.evil.example/agent"), {})).toBeNull();
  });
});
