/** Calls of the copilot's API that the demo inbox needs; errors are RFC 9457 problems, thrown as Error. */

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** @param {string} key the API key */
export function makeApi(key) {
  async function call(method, path, body) {
    const headers = { Accept: "application/json", Authorization: `Bearer ${key}` };
    if (body !== undefined) {
      headers["Content-Type"] = "application/json";
      headers["Idempotency-Key"] = randomKey();
    }
    const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) }).catch(() => {
      throw new ApiError(0, "The server cannot be reached.");
    });
    if (!response.ok) throw await problemOf(response);
    return response.status === 204 ? null : response.json();
  }

  const at = (id, rest = "") => `/v1/conversations/${encodeURIComponent(id)}${rest}`;
  return {
    list: (cursor) => call("GET", `/v1/conversations${cursor ? `?cursor=${encodeURIComponent(cursor)}` : ""}`),
    create: () => call("POST", "/v1/conversations", { channel: "chat" }),
    say: (id, speaker, text) => call("POST", at(id, "/turns"), { speaker, text }),
    verify: (id, facts) => call("POST", at(id, "/customer"), facts),
    wrapUp: (id) => call("POST", at(id, "/wrap-up"), {}),
  };
}

async function problemOf(response) {
  const problem = await response.json().catch(() => ({}));
  return new ApiError(response.status, messageOf(problem) || `The server answered ${response.status}.`);
}

function messageOf(problem) {
  return [problem.detail || problem.title, problem.hint].filter(Boolean).join(" ");
}

function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
}
