import { loadSettings, loadToken, normaliseServerUrl, saveSettings, saveToken } from "./settings.js";
import type { SiteConfig } from "./sites/adapter.js";

const SITE_FIELDS = ["message", "text", "customer", "composer", "conversation"] as const;

function field(id: string): HTMLInputElement {
  return document.querySelector<HTMLInputElement>(`#${id}`)!;
}

function say(text: string): void {
  document.querySelector("#status")!.textContent = text;
}

function readSite(): SiteConfig {
  const site = Object.fromEntries(SITE_FIELDS.map((name) => [name, field(name).value.trim()]));
  for (const name of ["message", "customer", "composer"]) document.querySelector(site[name] ?? ""); // throws when invalid
  new RegExp(site.conversation ?? "");
  return site as unknown as SiteConfig;
}

async function saveServer(event: Event): Promise<void> {
  event.preventDefault();
  try {
    const serverUrl = normaliseServerUrl(field("server").value);
    const granted = chrome.permissions.request({ origins: [originPattern(serverUrl)] });
    await saveSettings({ serverUrl });
    if (field("token").value) await saveToken(field("token").value.trim());
    say((await granted) ? "Saved." : "Saved, but the browser may not call the server until you allow it.");
  } catch (error) {
    say((error as Error).message);
  }
}

async function saveSite(event: Event): Promise<void> {
  event.preventDefault();
  try {
    const { origin } = new URL(field("origin").value);
    const site = readSite();
    const granted = chrome.permissions.request({ origins: [originPattern(origin)] });
    const { sites } = await loadSettings();
    await saveSettings({ sites: { ...sites, [origin]: site } });
    say((await granted) ? "Saved." : "Saved; the page is read only after you press the copilot's button in it.");
  } catch (error) {
    say(`Not saved: ${(error as Error).message}`);
  }
}

function originPattern(origin: string): string {
  const { protocol, hostname } = new URL(origin);
  return `${protocol}//${hostname}/*`; // Match patterns know no ports.
}

async function start(): Promise<void> {
  const [settings, token] = await Promise.all([loadSettings(), loadToken()]);
  field("server").value = settings.serverUrl;
  field("token").placeholder = token ? "A key is set until the browser closes" : "";
  const [known] = Object.entries(settings.sites);
  if (known) {
    field("origin").value = known[0];
    for (const name of SITE_FIELDS) field(name).value = known[1][name];
  }
  document.querySelector("#server-form")!.addEventListener("submit", (event) => void saveServer(event));
  document.querySelector("#site-form")!.addEventListener("submit", (event) => void saveSite(event));
}

void start();
