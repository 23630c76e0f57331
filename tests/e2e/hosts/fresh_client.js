// A hand-written stand-in for Freshworks' app client (platform 3.0), as developers.freshworks.com publishes it.
(() => {
  const handlers = {};
  const desk = (window.desk = {
    editor: "",
    editorOpen: false,
    templates: [],
    conversations: [],
    entry(id, text, incoming, isPrivate = false) {
      desk.conversations.push({ id, body: `<div>${text}</div>`, body_text: text, incoming, private: isPrivate });
      for (const handler of handlers["app.activated"] ?? []) handler();
    },
  });
  const objects = {
    ticket: { ticket: { id: 81, subject: "Broken lantern", source: 2, description_text: "My lantern arrived broken." } },
    contact: { contact: { id: 41, email: "elena.ruiz@example.com" } },
    loggedInUser: { loggedInUser: { id: 77, user: { id: 77, name: "Robin Reyes" } } },
  };
  window.app = {
    initialized: async () => ({
      data: {
        get: async (name) => {
          if (!(name in objects)) throw new Error(`no such object: ${name}`);
          return structuredClone(objects[name]);
        },
      },
      iparams: {
        get: async (...names) => {
          const open = { server: window.COPILOT_SERVER, integration: "freshdesk" };
          for (const name of names) if (!(name in open)) throw new Error(`not for the page: ${name}`);
          return open;
        },
      },
      request: {
        async invokeTemplate(name, options) {
          desk.templates.push([name, structuredClone(options)]);
          if (name === "getConversations") return { status: 200, response: JSON.stringify(desk.conversations) };
          const answer = await fetch("/freshworks-proxy", { method: "POST", body: options.body });
          if (!answer.ok) throw { status: answer.status };
          return { status: 201, response: await answer.text() };
        },
      },
      interface: {
        async trigger(action, { id, text, replace, position }) {
          if (action === "click" && id === "reply") desk.editorOpen = true;
          else if (action === "setValue" && id === "editor") {
            if (!desk.editorOpen) throw new Error("the editor is not open");
            desk.editor = replace ? text : position === "end" ? desk.editor + text : text + desk.editor;
          } else throw new Error(`no such action: ${action} ${id}`);
        },
      },
      events: {
        on(event, handler) {
          (handlers[event] ??= []).push(handler);
        },
      },
    }),
  };
})();
