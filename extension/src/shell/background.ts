/** Opens the panel when the button is pressed. Holds nothing: the browser ends it after 30 idle seconds. */

interface FirefoxSidebar {
  toggle(): Promise<void>;
}

chrome.action.onClicked.addListener((tab) => {
  // Straight from the click, nothing awaited before: a panel opens only on the user's gesture.
  const sidebar = (chrome as unknown as { sidebarAction?: FirefoxSidebar }).sidebarAction;
  if (sidebar) void sidebar.toggle();
  else void chrome.sidePanel.open({ windowId: tab.windowId });
});
