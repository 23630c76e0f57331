import { CopilotClient } from "../api/client.js";
import { checkServer } from "./check-server.js";
import { hostPattern, loadSettings, loadToken, lockStorage, normaliseServerUrl, saveSettings, saveToken, setOff, setSite } from "./settings.js";
import { SITES } from "./sites/registry.js";

const LATER_MS = 5000;

function element<T extends HTMLElement>(id: string): T {
  return document.querySelector<T>(`#${id}`)!;
}

function say(text: string, tone: "" | "ok" | "bad"): void {
  const line = element("connection");
  line.textContent = text;
  line.className = `state ${tone}`;
}

async function signIn(event: Event, locked: Promise<void>): Promise<void> {
  event.preventDefault();
  try {
    const serverUrl = normaliseServerUrl(element<HTMLInputElement>("server").value);
    // Asked before anything is awaited: the browser takes it only straight from the click.
    const granted = chrome.permissions.request({ origins: [hostPattern(serverUrl)] });
    const typed = element<HTMLInputElement>("token").value.trim();
    await locked;
    await saveSettings({ serverUrl });
    if (typed) await saveToken(typed);
    element<HTMLInputElement>("token").value = "";
    await granted;
    await showConnection();
  } catch (error) {
    say((error as Error).message, "bad");
  }
}

async function signOut(): Promise<void> {
  await saveToken("");
  await showConnection();
}

let later: ReturnType<typeof setTimeout> | undefined;

/** Asks the server whether it takes the key; asks again by itself while it does not answer. */
async function showConnection(): Promise<void> {
  clearTimeout(later);
  const [{ serverUrl }, token] = await Promise.all([loadSettings(), loadToken()]);
  element("sign-out").hidden = !token;
  element<HTMLInputElement>("token").placeholder = token ? "A key is set until the browser closes" : "cop_…";
  if (!token) return say("Not signed in", "");
  say("Asking the server …", "");
  const { ok, message, again } = await checkServer(new CopilotClient({ baseUrl: serverUrl, token }));
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
  element("server-form").addEventListener("submit", (event) => void signIn(event, locked));
  element("sign-out").addEventListener("click", () => void signOut());
  await locked;
  const { serverUrl } = await loadSettings();
  const server = element<HTMLInputElement>("server");
  server.value ||= serverUrl;
  element("known").textContent = SITES.map((site) => site.name).join(", ");
  chrome.storage.onChanged.addListener((changes) => {
    if ("sites" in changes || "off" in changes) void showSites();
  });
  await Promise.all([showConnection(), showSites()]);
}

void start();
