/** Reads server-sent events from text that comes in pieces of any size. */
import type { StreamEvents } from "@remotegpu/control-plane/client/stream-topics";

export interface ServerEvent {
  /** Null where the event has none. */
  id: string | null;
  name: string;
  data: string;
}

/** The data of an event of this name. */
export function dataOf<Name extends keyof StreamEvents>(
  _name: Name,
  { data }: ServerEvent,
): StreamEvents[Name] {
  return JSON.parse(data) as StreamEvents[Name];
}

/** A line longer than this is none of our server's. */
const MAX_PENDING = 1_000_000;

export class EventReader {
  #rest = "";
  #id: string | null = null;
  #lastId: string | null = null;
  #name = "message";
  #data: string[] = [];

  /** The last that came, also beside no event: what was told up to there is known. */
  get lastId(): string | null {
    return this.#lastId;
  }

  /** The events that this piece completes. */
  read(piece: string): ServerEvent[] {
    this.#rest += piece;
    if (this.#rest.length > MAX_PENDING) throw new Error("the stream's line does not end");
    const lines = this.#rest.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.#readLine(line) ?? []);
  }

  #readLine(line: string): ServerEvent | null {
    if (line === "") return this.#dispatch();
    const at = line.indexOf(":");
    const field = at === -1 ? line : line.slice(0, at);
    const value = at === -1 ? "" : line.slice(at + 1).replace(/^ /, "");
    if (field === "id") this.#id = value;
    else if (field === "event") this.#name = value;
    else if (field === "data") this.#data.push(value);
    return null;
  }

  #dispatch(): ServerEvent | null {
    const event = { id: this.#id, name: this.#name, data: this.#data.join("\n") };
    this.#name = "message";
    this.#data = [];
    this.#lastId = this.#id;
    return event.data === "" ? null : event;
  }
}
