import { CopilotClient } from "../api/client.js";
import { checkServer } from "./check-server.js";
import { CompanyButton } from "./company/button.js";
import { hostPattern, loadSettings, lockStorage, normaliseServerUrl, saveSettings, setOff, setSite } from "./settings.js";
import { loadBearer, saveKey, signOut } from "./signed-in.js";
import { SITES } from "./sites/registry.js";

const LATER_MS = 5000;
let later: ReturnType<typeof setTimeout> | undefined;

function element<T extends HTMLElement>(id: string): T {
  return document.querySelector<T>(`#${id}`)!;
}

function say(text: string, tone: "" | "ok" | "bad"): void {
  const line = element("connection");
  line.textContent = text;
  line.className = `state ${tone}`;
}

async function signInWithKey(event: Event, locked: Promise<void>): Promise<void> {
  event.preventDefault();
  try {
    const serverUrl = normaliseServerUrl(element<HTMLInputElement>("server").value);
    // Asked before anything is awaited: the browser takes it only straight from the click.
    const granted = chrome.permissions.request({ origins: [hostPattern(serverUrl)] });
    const typed = element<HTMLInputElement>("token").value.trim();
    await locked;
    await saveSettings({ serverUrl });
    if (typed) await saveKey(typed);
    element<HTMLInputElement>("token").value = "";
    await granted;
    await Promise.all([showConnection(), company.show(serverUrl)]);
  } catch (error) {
    say((error as Error).message, "bad");
  }
}

/** The company's account, where the server at the address offers it. */
const company = new CompanyButton(
  { button: element<HTMLButtonElement>("company"), away: element("company-away") },
  () => {
    clearTimeout(later);
    say("Signing in …", "");
  },
  (problem) => (problem ? say(problem, "bad") : void showConnection()),
);

function typedServer(): string | null {
  try {
    return normaliseServerUrl(element<HTMLInputElement>("server").value);
  } catch {
    return null;
  }
}

/** Asks the server whether it takes the key or account; asks again by itself while it does not answer. */
async function showConnection(): Promise<void> {
  clearTimeout(later);
  const { serverUrl } = await loadSettings();
  const bearer = await loadBearer(serverUrl);
  const byKey = typeof bearer === "string";
  element("sign-out").hidden = !bearer;
  element<HTMLInputElement>("token").placeholder = byKey && bearer ? "A key is set until the browser closes" : "cop_…";
  if (!bearer) return say("Not signed in", "");
  say("Asking the server …", "");
  const client = new CopilotClient({ baseUrl: serverUrl, token: bearer });
  const { ok, message, again } = await checkServer(client, byKey ? "key" : "account");
  say(message, ok ? "ok" : "bad");
  if (again) later = setTimeout(() => void showConnection(), LATER_MS);
}

async function showSites(): Promise<void> {
  const { sites, off } = await loadSettings();
  const rows = [
    ...Object.entries(sites).map(([origin]) => row(origin, "shown by you", "Forget", () => setSite(origin, null))),
    ...off.map((origin) => row(origin, "switched off", "Turn on", () => setOff(origin, false))),
  ];
  element("sites").replaceChildren(...rows);
  element("no-sites").hidden = rows.length > 0;
}

function row(origin: string, state: string, label: string, act: () => Promise<void>): HTMLLIElement {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = label;
  button.setAttribute("aria-label", `${label} ${origin}`);
  button.addEventListener("click", () => void act());
  const name = document.createElement("span");
  name.textContent = `${origin}, ${state}`;
  item.append(name, button);
  return item;
}

async function start(): Promise<void> {
  // Before anything is awaited: whoever types at once, a password manager too, is heard and not overwritten.
  const locked = lockStorage();
  element("server-form").addEventListener("submit", (event) => void signInWithKey(event, locked));
  element("server").addEventListener("input", () => void company.show(null));
  element("server").addEventListener("change", () => void company.show(typedServer()));
  element("sign-out").addEventListener("click", () => void signOut().then(showConnection));
  await locked;
  const { serverUrl } = await loadSettings();
  const server = element<HTMLInputElement>("server");
  server.value ||= serverUrl;
  element("known").textContent = SITES.map((site) => site.name).join(", ");
  chrome.storage.onChanged.addListener((changes) => {
    if ("sites" in changes || "off" in changes) void showSites();
  });
  await Promise.all([showConnection(), showSites(), company.show(typedServer())]);
}

void start();
