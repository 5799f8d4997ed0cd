/** A reader of server-sent events, as a browser is one: it knows the last id, and keeps what came in its order. */
import type { StreamEvents } from "@remotegpu/control-plane/client/stream-topics";
import { eventually } from "../eventually.ts";

type EventName = keyof StreamEvents;

/** An event of this name, with what it carries. */
export interface StreamEvent<Name extends EventName = EventName> {
  id: string | null;
  event: Name;
  data: StreamEvents[Name];
}

export class EventStream {
  readonly response: Response;
  readonly events: StreamEvent[] = [];
  /** How it ended; null while it goes on. */
  end: "in order" | "broken" | null = null;
  comments = 0;
  lastEventId: string | null = null;
  readonly #stop: AbortController;

  /** @throws an Error with the answer's text where it is refused */
  static async open(
    url: string,
    { key, headers = {} }: { key?: string; headers?: Record<string, string> },
  ): Promise<EventStream> {
    const stop = new AbortController();
    const response = await fetch(url, {
      headers: { ...(key !== undefined && { Authorization: `Bearer ${key}` }), ...headers },
      signal: stop.signal,
    });
    if (!response.ok || response.body === null)
      throw new Error(`${response.status} ${await response.text()}`);
    return new EventStream(response, stop);
  }

  private constructor(response: Response, stop: AbortController) {
    this.response = response;
    this.#stop = stop;
    void this.#read();
  }

  of<Name extends EventName>(event: Name): StreamEvent<Name>[] {
    return this.events.filter((one): one is StreamEvent<Name> => one.event === event);
  }

  /** What changed, each as its topic, which may have the id in it, or else with the id behind it. */
  get changed(): string[] {
    return this.of("change").map(({ data: { topic, id } }) =>
      id === null || topic.endsWith(`:${id}`) ? topic : `${topic} ${id}`,
    );
  }

  async until(what: string, request: (stream: this) => boolean): Promise<void> {
    await eventually(() => request(this), { what: `${what}, of ${JSON.stringify(this.events.slice(-5))}` });
  }

  leave(): void {
    this.#stop.abort();
  }

  async #read(): Promise<void> {
    let text = "";
    const decoder = new TextDecoder();
    try {
      for await (const bytes of this.response.body as ReadableStream<Uint8Array>) {
        text += decoder.decode(bytes, { stream: true });
        const parts = text.split("\n\n");
        text = parts.pop() ?? "";
        for (const part of parts) this.#take(part.split("\n"));
      }
      this.end = "in order";
    } catch {
      this.end = "broken";
    }
  }

  #take(lines: readonly string[]): void {
    const field = (name: string) =>
      lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? null;
    this.comments += lines.filter((line) => line.startsWith(":")).length;
    const event = field("event");
    const id = field("id");
    this.lastEventId = id ?? this.lastEventId;
    if (event === null) return;
    this.events.push({ id, event: event as EventName, data: JSON.parse(field("data") ?? "null") });
  }
}
