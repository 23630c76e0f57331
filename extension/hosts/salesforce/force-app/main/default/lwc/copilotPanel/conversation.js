/** What Salesforce tells of a conversation, as turns; no Salesforce module is needed to run it. */

const SPEAKERS = { EndUser: "customer", END_USER: "customer", Agent: "representative", AGENT: "representative" };

/**
 * The turns of `getConversationLog`, oldest first. Bots and events are nobody's words.
 *
 * Entries have no id: time, speaker and words name them, and a number where even those are the same, so that
 * reading the log again, in this page or another, names every message as before.
 */
export function turnsOfLog(recordId, messages) {
  const seen = new Map();
  return messages.flatMap(({ type, content, timestamp }) => {
    const speaker = SPEAKERS[type];
    const text = String(content ?? "").trim();
    if (!speaker || !text) return [];
    const name = `${new Date(timestamp).getTime()}:${speaker}:${hash(text)}`;
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    return [{ speaker, text, id: `salesforce:${recordId}:${name}${times > 1 ? `:${times}` : ""}` }];
  });
}

/** FNV-1a, 32 bits: a name, no secret. */
function hash(text) {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return (value >>> 0).toString(36);
}

/** What the copilot's server is asked for a token with; Apex adds the key. */
export function contactOf(recordId, subject, email) {
  const contact = { id: `salesforce:${recordId}`, channel: "chat", subject: (subject ?? "").slice(0, 500) };
  return email ? { ...contact, customer_email: email } : contact;
}
