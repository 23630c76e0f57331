// A hand-written stand-in for Zendesk's ZAF SDK 2.0, as developer.zendesk.com publishes its client API.
window.ZAFClient = {
  init() {
    const handlers = {};
    const desk = (window.desk = {
      editor: "",
      appended: "",
      chatMode: false,
      requests: [],
      data: {
        "ticket.id": 5158,
        "ticket.subject": "Broken lantern",
        "ticket.requester.email": "elena.ruiz@example.com",
        "ticket.via.channel": "web",
        currentUser: { id: 77, name: "Robin Reyes", role: "agent" },
        "ticket.comments": [],
      },
      comment(id, role, value, isPublic = true) {
        const author = { id: role === "end-user" ? 41 : 77, role, name: "Somebody" };
        desk.data["ticket.comments"] = [...desk.data["ticket.comments"], { id, value, public: isPublic, author }];
        for (const handler of handlers["ticket.comments.changed"] ?? []) handler();
      },
    });
    return {
      metadata: async () => ({ appId: 1, settings: { server: window.COPILOT_SERVER, integration: "zendesk" } }),
      async get(paths) {
        const names = [].concat(paths);
        for (const name of names) if (!(name in desk.data)) throw new Error(`no such path: ${name}`);
        return Object.fromEntries(names.map((name) => [name, structuredClone(desk.data[name])]));
      },
      async invoke(action, ...values) {
        if (action === "ticket.editor.insert") {
          if (desk.chatMode) throw new Error("not in chat mode");
          desk.editor += values[0]; // HTML, as the rich editor takes it
        } else if (action === "comment.appendText") desk.appended += values[0];
        else if (action !== "resize") throw new Error(`no such action: ${action}`);
        return { [action]: undefined };
      },
      async request(options) {
        desk.requests.push(structuredClone(options));
        // Zendesk's proxy puts secure settings in; the browser never has them.
        if (options.secure !== true) throw new Error("a secure setting outside a secure request");
        const answer = await fetch("/zendesk-proxy", { method: "POST", body: JSON.stringify(options) });
        if (!answer.ok) throw { status: answer.status };
        return answer.json();
      },
      on(event, handler) {
        (handlers[event] ??= []).push(handler);
      },
    };
  },
};
