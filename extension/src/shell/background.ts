/** Opens the panel when the button is pressed, signs people in. Holds nothing: the browser ends it after 30 idle seconds. */
import { listen } from "./company/background.js";
import { lockStorage } from "./settings.js";

/** Which of the two builds this is; what the other browser needs is left out of it. */
declare const BROWSER: "chrome" | "firefox";

interface FirefoxSidebar {
  toggle(): Promise<void>;
}

chrome.action.onClicked.addListener((tab) => {
  // Straight from the click, nothing awaited before: a panel opens only on the user's gesture.
  if (BROWSER === "firefox") void (chrome as unknown as { sidebarAction: FirefoxSidebar }).sidebarAction.toggle();
  else void chrome.sidePanel.open({ windowId: tab.windowId });
});

listen();
void lockStorage();
