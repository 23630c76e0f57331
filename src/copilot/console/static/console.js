/** What the console's pages do beyond htmx: theme, menu, files to drop, and questions before what cannot be undone. */

const STORED_THEME = "copilot.theme";
const THEMES = ["auto", "light", "dark"];

function showTheme(theme) {
  document.documentElement.dataset.theme = theme;
  for (const button of document.querySelectorAll("[data-theme-switch]")) button.textContent = `Theme: ${theme}`;
}

function nextTheme() {
  const theme = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
  localStorage.setItem(STORED_THEME, theme);
  showTheme(theme);
}

function toggleMenu(button) {
  const open = button.getAttribute("aria-expanded") !== "true";
  button.setAttribute("aria-expanded", String(open));
}

/** Files dropped on the zone become those of its file input; what they are is said beside it. */
function dropZone(zone) {
  const input = zone.querySelector("input[type=file]");
  const list = zone.querySelector("[data-files]");
  const most = Number(zone.dataset.drop);
  const show = () => {
    const total = [...input.files].reduce((sum, file) => sum + file.size, 0);
    input.setCustomValidity(total > most ? `Together these files are larger than ${most / 2 ** 20} MB.` : "");
    list.replaceChildren(
      ...[...input.files].map((file) => {
        const item = document.createElement("li");
        item.textContent = `${file.name} · ${Math.max(1, Math.round(file.size / 1024))} KB`;
        return item;
      }),
    );
  };
  input.addEventListener("change", show);
  for (const name of ["dragover", "dragleave", "drop"]) {
    zone.addEventListener(name, (event) => {
      event.preventDefault();
      zone.classList.toggle("over", name === "dragover");
    });
  }
  zone.addEventListener("drop", (event) => {
    if (event.dataTransfer.files.length) {
      input.files = event.dataTransfer.files;
      show();
    }
  });
}

/** What stands on the page may be old while the server is away; parts that renew themselves go on trying. */
function showConnection(lost) {
  const place = document.getElementById("connection");
  const text = lost ? "The server cannot be reached. What you see may be old; trying again …" : "";
  if (place && place.textContent !== text) place.textContent = text;
}

showTheme(document.documentElement.dataset.theme ?? "auto");
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.matches("[data-theme-switch]")) nextTheme();
  if (button?.matches(".menu-toggle")) toggleMenu(button);
});
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});
document.addEventListener("htmx:sendError", () => showConnection(true));
document.addEventListener("htmx:timeout", () => showConnection(true));
document.addEventListener("htmx:beforeOnLoad", () => showConnection(false));
document.querySelectorAll("[data-drop]").forEach(dropZone);
