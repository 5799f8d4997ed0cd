/**
 * One tab of a browser holds the stream for all of them, since HTTP/1.1 has six connections for a server and each stream
 * keeps one. Only a tab that is looked at leads or is told anything: a hidden one gives the lead up and asks for nothing.
 */
import type { StreamTopic } from "@remotegpu/control-plane/client/stream-topics";
import type { ServerEvent } from "./sse.ts";
import { Stream } from "./stream.ts";

const LOCK = "remotegpu-stream";
const CHANNEL = "remotegpu-live";
/** A tab that was closed hard says no goodbye. */
const REPORT_EVERY_MS = 10_000;
const FORGOTTEN_AFTER_MS = 25_000;

type Message =
  | { kind: "want"; tab: string; topics: StreamTopic[] }
  | { kind: "gone"; tab: string }
  | { kind: "who" }
  | { kind: "open"; added: readonly string[] }
  | { kind: "lost" }
  | { kind: "refused"; topics: readonly string[] }
  | { kind: "event"; event: ServerEvent };

export interface TabListener {
  onEvent(event: ServerEvent): void;
  onOpen(added: readonly string[]): void;
  onLost(): void;
  /** All that nothing is told of: whoever shows it asks again by itself. */
  onRefused(topics: readonly string[]): void;
}

/** Plain HTTP beyond localhost has no locks; every tab then polls. */
export function canShare(): boolean {
  return "locks" in navigator && "BroadcastChannel" in globalThis;
}

export class LiveTab {
  readonly #listener: TabListener;
  readonly #id = String(Math.random()).slice(2);
  readonly #channel = new BroadcastChannel(CHANNEL);
  #topics: StreamTopic[] = [];
  #isVisible = false;
  #isOpen = false;
  #leading: { stream: Stream; wants: Map<string, { topics: StreamTopic[]; reportedMs: number }> } | null =
    null;
  #candidacy: AbortController | null = null;
  readonly #ticking: ReturnType<typeof setInterval>;

  constructor(listener: TabListener) {
    this.#listener = listener;
    this.#channel.addEventListener("message", ({ data }: MessageEvent<Message>) => this.#hear(data));
    this.#ticking = setInterval(() => this.#tick(), REPORT_EVERY_MS);
  }

  want(topics: StreamTopic[]): void {
    this.#topics = topics;
    if (this.#isVisible) this.#send({ kind: "want", tab: this.#id, topics });
  }

  show(isVisible: boolean): void {
    if (this.#isVisible === isVisible) return;
    this.#isVisible = isVisible;
    if (isVisible) {
      this.#standForLead();
      this.want(this.#topics);
      return;
    }
    this.#isOpen = false;
    this.#send({ kind: "gone", tab: this.#id });
    this.#candidacy?.abort();
    this.#candidacy = null;
  }

  close(): void {
    this.show(false);
    clearInterval(this.#ticking);
    this.#channel.close();
  }

  #standForLead(): void {
    const candidacy = new AbortController();
    this.#candidacy = candidacy;
    const lead = async () => {
      if (candidacy.signal.aborted) return;
      const stream = new Stream({
        onEvent: (event) => this.#send({ kind: "event", event }),
        onOpen: (added) => this.#send({ kind: "open", added }),
        onLost: () => this.#send({ kind: "lost" }),
        onRefused: (topics) => this.#send({ kind: "refused", topics }),
      });
      this.#leading = { stream, wants: new Map() };
      this.#send({ kind: "who" });
      this.want(this.#topics);
      await new Promise((resolve) => candidacy.signal.addEventListener("abort", resolve));
      stream.close();
      this.#leading = null;
      this.#send({ kind: "lost" });
    };
    navigator.locks.request(LOCK, { signal: candidacy.signal }, lead).catch((error: unknown) => {
      if (!candidacy.signal.aborted) console.warn("no tab can lead", error);
    });
  }

  /** To the other tabs, and to this one. */
  #send(message: Message): void {
    this.#channel.postMessage(message);
    this.#hear(message);
  }

  #hear(message: Message): void {
    if (message.kind === "want" || message.kind === "gone") return this.#hearRequest(message);
    if (!this.#isVisible) return undefined;
    if (message.kind === "who") {
      if (this.#leading === null) this.#send({ kind: "want", tab: this.#id, topics: this.#topics });
      return undefined;
    }
    if (message.kind === "event") {
      this.#openIfNot();
      this.#listener.onEvent(message.event);
    } else if (message.kind === "open") {
      this.#isOpen = true;
      this.#listener.onOpen(message.added);
    } else if (message.kind === "refused") {
      this.#listener.onRefused(message.topics);
    } else {
      this.#isOpen = false;
      this.#listener.onLost();
    }
    return undefined;
  }

  /** Who came after the stream was opened learns from the first event that it is. */
  #openIfNot(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#listener.onOpen([]);
  }

  #hearRequest(message: Extract<Message, { kind: "want" | "gone" }>): void {
    const leading = this.#leading;
    if (leading === null) return;
    const { wants, stream } = leading;
    const isNew = message.kind === "want" && !wants.has(message.tab);
    if (message.kind === "gone") wants.delete(message.tab);
    else wants.set(message.tab, { topics: message.topics, reportedMs: performance.now() });
    stream.follow([...new Set([...wants.values()].flatMap(({ topics }) => topics))]);
    if (isNew && message.tab !== this.#id) this.#welcome(stream);
  }

  /** What a tab that comes later has missed. */
  #welcome({ refused }: Stream): void {
    const reported: Message[] = [
      ...(this.#isOpen ? [{ kind: "open" as const, added: [] }] : []),
      ...(refused.length > 0 ? [{ kind: "refused" as const, topics: refused }] : []),
    ];
    for (const message of reported) this.#channel.postMessage(message);
  }

  #tick(): void {
    if (this.#isVisible) this.want(this.#topics);
    for (const [tab, { reportedMs }] of this.#leading?.wants ?? [])
      if (performance.now() - reportedMs > FORGOTTEN_AFTER_MS) this.#hearRequest({ kind: "gone", tab });
  }
}
