// The two browsers' manifests from one description: what they share, then what each calls differently.

const ICONS = { 16: "icons/16.png", 32: "icons/32.png", 48: "icons/48.png", 128: "icons/128.png" };

const shared = (version) => ({
  manifest_version: 3,
  name: "Agent-assist copilot",
  short_name: "Copilot",
  version,
  description: "Knowledge, grounded reply drafts and next actions beside the conversation you are in.",
  icons: ICONS,
  action: { default_title: "Open the copilot", default_icon: ICONS },
  options_ui: { page: "options.html", open_in_tab: true },
  // No host by default: the tab where the button is pressed, and whatever the representative grants.
  permissions: ["activeTab", "identity", "scripting", "storage"],
  optional_host_permissions: ["https://*/*", "http://127.0.0.1/*", "http://localhost/*"],
  content_security_policy: {
    extension_pages: "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src https: http://127.0.0.1:* http://localhost:*; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  },
});

export function manifestFor(browser, version) {
  return browser === "firefox" ? firefox(shared(version)) : chrome(shared(version));
}

function chrome(manifest) {
  return {
    ...manifest,
    minimum_chrome_version: "123",
    permissions: [...manifest.permissions, "sidePanel"],
    background: { service_worker: "background.js", type: "module" },
    side_panel: { default_path: "sidepanel.html" },
  };
}

function firefox(manifest) {
  return {
    ...manifest,
    background: { scripts: ["background.js"], type: "module" },
    sidebar_action: { default_title: "Copilot", default_panel: "sidepanel.html", default_icon: ICONS, open_at_install: false },
    browser_specific_settings: {
      gecko: {
        id: "copilot@agent-assist.example",
        strict_min_version: "140.0",
        // What leaves the browser goes to the server the representative's own company runs.
        data_collection_permissions: { required: ["personalCommunications", "websiteContent"] },
      },
      // Firefox for Android has no sidebar; the version only says since when it knows the line above.
      gecko_android: { strict_min_version: "142.0" },
    },
  };
}
