export interface ServerSentEvent {
  readonly id: string | null;
  readonly event: string;
  readonly data: string;
}

/** Incremental parser of text/event-stream: feed it decoded chunks, get whole events. */
export class SseParser {
  private buffer = "";
  private data: string[] = [];
  private event = "";
  private id: string | null = null;

  push(chunk: string): ServerSentEvent[] {
    this.buffer += chunk;
    const events: ServerSentEvent[] = [];
    for (;;) {
      const line = this.takeLine();
      if (line === null) return events;
      const event = this.readLine(line);
      if (event) events.push(event);
    }
  }

  private takeLine(): string | null {
    const match = /\r\n|\n|\r/.exec(this.buffer);
    // A trailing lone CR may be the first half of CRLF: wait for what follows.
    if (!match || (match[0] === "\r" && match.index === this.buffer.length - 1)) return null;
    const line = this.buffer.slice(0, match.index);
    this.buffer = this.buffer.slice(match.index + match[0].length);
    return line;
  }

  private readLine(line: string): ServerSentEvent | null {
    if (line === "") return this.dispatch();
    if (line.startsWith(":")) return null;
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.data.push(value);
    else if (field === "event") this.event = value;
    else if (field === "id" && !value.includes("\0")) this.id = value;
    return null;
  }

  private dispatch(): ServerSentEvent | null {
    const { data, event } = this;
    this.data = [];
    this.event = "";
    return data.length ? { id: this.id, event: event || "message", data: data.join("\n") } : null;
  }
}
