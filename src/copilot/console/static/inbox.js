/** The demo inbox: one page where a person plays both the customer and the representative. */
import { ApiError, makeApi } from "./inbox-api.js";

const STORED_KEY = "copilot.key";
const STORED_THEME = "copilot.theme";
const REFRESH_MS = 10_000;
const THEMES = ["auto", "light", "dark"];
const BOXES = ["customer-text", "reply-text"];

const $ = (id) => document.getElementById(id);
const panel = $("panel");

let api = null;
let current = null; // the open conversation, without its turns
const titles = new Map();
const unsent = new Map(); // what is written in the boxes of conversations that are not open now
let pages = []; // pages of the list after the first, as fetched
let cursor = null;

/** Takes the key out of the address bar, so that it is not bookmarked, shared or shown. */
function takeKey() {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (given) {
    sessionStorage.setItem(STORED_KEY, given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return sessionStorage.getItem(STORED_KEY);
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });

function timeOf(iso) {
  return clock.format(new Date(iso));
}

// ---- signing in

async function signIn(key) {
  api = makeApi(key);
  try {
    await refresh();
  } catch (error) {
    return askForKey(error.status === 401 || error.status === 403 ? "The server does not accept this key." : error.message);
  }
  sessionStorage.setItem(STORED_KEY, key);
  panel.token = key;
  $("sign-in").hidden = true;
  $("desk").hidden = false;
}

function askForKey(problem = "") {
  $("desk").hidden = true;
  $("sign-in").hidden = false;
  $("sign-in-problem").textContent = problem;
  $("key").focus();
}

function signOut() {
  sessionStorage.removeItem(STORED_KEY);
  location.reload();
}

// ---- the list

async function refresh() {
  const first = await api.list();
  if (!pages.length) cursor = first.next_cursor ?? null;
  const known = new Set();
  const open = current ? [[current]] : []; // stays in sight when it closes and leaves the server's list
  const items = [first.items, ...pages, ...open].flat().filter((item) => !known.has(item.id) && known.add(item.id));
  $("conversations").replaceChildren(...items.map(listItem));
  $("more").hidden = !cursor;
}

async function showOlder() {
  const page = await api.list(cursor);
  pages.push(page.items);
  cursor = page.next_cursor ?? null;
  await refresh();
}

function listItem(conversation) {
  const button = element("button");
  button.type = "button";
  button.setAttribute("aria-current", String(conversation.id === current?.id));
  button.append(
    element("b", "", titleOf(conversation)),
    element("span", "muted", conversation.status === "open" ? timeOf(conversation.updated_at) : "Closed"),
  );
  button.addEventListener("click", () => open(conversation));
  const item = element("li");
  item.append(button);
  return item;
}

/** The subject, else the customer's first words as far as this tab has seen them: lists carry no turns. */
function titleOf(conversation) {
  const first = conversation.turns?.find((turn) => turn.speaker === "customer");
  if (first) titles.set(conversation.id, first.text);
  return conversation.subject || titles.get(conversation.id) || `New ${conversation.channel}`;
}

// ---- one conversation

function open(conversation) {
  if (current) unsent.set(current.id, Object.fromEntries(BOXES.map((box) => [box, $(box).value])));
  current = conversation;
  $("turns").replaceChildren();
  for (const box of BOXES) $(box).value = unsent.get(conversation.id)?.[box] ?? "";
  $("problem").textContent = "";
  $("verify").open = false;
  $("verify-form").reset();
  $("verify-problem").textContent = "";
  panel.conversationId = conversation.id;
  showConversation();
  void refresh();
  $("customer-text").focus();
}

function showConversation() {
  const closed = current.status !== "open";
  $("subject").textContent = titleOf(current);
  $("about").textContent = `${current.channel} · ${closed ? "closed" : "open"}`;
  $("verify").hidden = closed;
  $("verify-label").textContent = current.customer_id ? "Customer verified" : "Verify customer";
  $("wrap-up").hidden = closed;
  $("customer-form").hidden = closed;
  $("reply-form").hidden = closed;
}

/** Draws the turns that are not there yet, and brings the last one into view: once, however many they are. */
function showTurns(turns) {
  const items = turns.filter((turn) => !document.getElementById(`turn-${turn.id}`)).map(turnItem);
  $("turns").append(...items);
  items.at(-1)?.scrollIntoView({ block: "end" });
}

function turnItem(turn) {
  const item = element("li", turn.speaker, turn.text);
  item.id = `turn-${turn.id}`;
  item.prepend(element("time", "", `${turn.speaker === "customer" ? "Customer" : "You"}, ${timeOf(turn.created_at)}`));
  return item;
}

function flashTurns(ids) {
  const items = ids.map((id) => document.getElementById(`turn-${id}`)).filter(Boolean);
  items[0]?.scrollIntoView({ block: "center", behavior: "smooth" });
  for (const item of items) {
    item.classList.add("flash");
    setTimeout(() => item.classList.remove("flash"), 1600);
  }
}

function onCopilotEvent({ type, data }) {
  if (type === "snapshot") {
    current = data.conversation;
    showTurns(data.conversation.turns);
    showConversation();
  } else if (type === "turn") {
    current = { ...current, turns: [...(current.turns ?? []), data] };
    showTurns([data]);
    showConversation();
    void attempt(refresh);
  } else if (type === "wrap_up") {
    current = { ...current, status: "wrapped_up" };
    showConversation();
    void attempt(refresh);
  }
}

/** Puts the text under what is written already: nothing is ever overwritten. */
function insertReply(text) {
  const box = $("reply-text");
  box.value = box.value.trim() ? `${box.value.trimEnd()}\n\n${text}` : text;
  box.focus();
  box.setSelectionRange(box.value.length, box.value.length);
}

async function attempt(work) {
  $("problem").textContent = "";
  try {
    await work();
    return true;
  } catch (error) {
    $("problem").textContent = error instanceof ApiError ? error.message : "Something went wrong on this page.";
    return false;
  }
}

async function say(speaker, box) {
  const text = box.value.trim();
  if (!text) return;
  const { id } = current;
  box.value = "";
  const sent = await attempt(() => api.say(id, speaker, text));
  if (!sent) giveBack(id, box, text);
}

/** Puts what could not be sent back in its box, in its own conversation, unless something else is written there. */
function giveBack(id, box, text) {
  if (id === current.id) {
    box.value ||= text;
    return;
  }
  const kept = unsent.get(id);
  kept[box.id] ||= text;
  $("problem").textContent = `A message in another conversation was not sent: ${$("problem").textContent}`;
}

async function verify(event) {
  event.preventDefault();
  const form = new FormData(event.target);
  const facts = (...names) => Object.fromEntries(names.map((name) => [name, form.get(name).trim()]));
  const byOrder = facts("email", "order_id");
  const body = byOrder.email || byOrder.order_id ? byOrder : facts("first_name", "last_name", "zip");
  $("verify-problem").textContent = "";
  const { id } = current;
  try {
    const customer = await api.verify(id, body);
    if (id !== current.id) return; // its own stream tells of it
    current = { ...current, customer_id: customer.id };
    $("verify").open = false;
    event.target.reset();
    showConversation();
  } catch (error) {
    if (id === current.id) $("verify-problem").textContent = error.message;
  }
}

// ---- theme

function showTheme(theme) {
  document.documentElement.dataset.theme = theme;
  panel.setAttribute("theme", theme);
  $("theme").textContent = `Theme: ${theme}`;
}

function nextTheme() {
  const theme = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
  localStorage.setItem(STORED_THEME, theme);
  showTheme(theme);
}

// ---- wiring

function sendOnEnter(event) {
  if (event.key === "Escape") panel.focus();
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  event.target.form.requestSubmit();
}

function start() {
  $("sign-in-form").addEventListener("submit", (event) => {
    event.preventDefault();
    void signIn($("key").value.trim());
  });
  $("sign-out").addEventListener("click", signOut);
  $("theme").addEventListener("click", nextTheme);
  $("more").addEventListener("click", () => attempt(showOlder));
  $("new").addEventListener("click", () => attempt(async () => open(await api.create())));
  $("wrap-up").addEventListener("click", () => attempt(() => api.wrapUp(current.id)));
  $("verify-form").addEventListener("submit", verify);
  for (const [form, speaker, box] of [
    ["customer-form", "customer", "customer-text"],
    ["reply-form", "representative", "reply-text"],
  ]) {
    $(form).addEventListener("submit", (event) => {
      event.preventDefault();
      void say(speaker, $(box));
    });
    $(box).addEventListener("keydown", sendOnEnter);
  }
  panel.addEventListener("copilot:event", (event) => onCopilotEvent(event.detail));
  panel.addEventListener("copilot:suggestion-inserted", (event) => insertReply(event.detail.text));
  panel.addEventListener("copilot:own-text-requested", (event) => event.detail.provide($("reply-text").value));
  panel.addEventListener("copilot:turn-selected", (event) => flashTurns(event.detail.turnIds));
  addEventListener("hashchange", () => takeKey() && location.reload());
  setInterval(() => api && !document.hidden && !$("desk").hidden && refresh().catch(() => undefined), REFRESH_MS);

  showTheme(localStorage.getItem(STORED_THEME) ?? "auto");
  const key = takeKey();
  if (key) void signIn(key);
  else askForKey();
}

start();
