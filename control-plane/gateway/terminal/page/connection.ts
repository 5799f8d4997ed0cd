/**
 * The page's side of its WebSocket: connects by itself again and again, says in one sentence how it stands, and keeps
 * within the windows of the protocol both ways.
 */
import {
  BEAT_MS,
  type FromGateway,
  type FromPage,
  INPUT_WINDOW,
  type TerminalEnd,
  type TerminalSize,
} from "../../../server/core/gateway/terminal/terminal-protocol.ts";
import { SendWindow } from "../../../server/core/gateway/terminal/window.ts";

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;
const WAIT_FOR_ENVIRONMENT_MS = 5_000;
const SILENCE_MS = 2 * BEAT_MS + 5_000;
const PIECE = 16 * 1024;
/** Whoever pastes more while nothing goes through has pasted too much. */
const MAX_QUEUED = 8 * 1024 * 1024;

export interface ConnectionState {
  kind: "connecting" | "open" | "waiting" | "ended" | "refused";
  /** Null: there is nothing to say. */
  sentence: string | null;
}

interface Parts {
  url: string;
  tab: string | null;
  size: () => TerminalSize;
  write: (bytes: Uint8Array, seen: () => void) => void;
  /** A terminal begins to draw from nothing. */
  renewed: () => void;
  named: (tab: string) => void;
  show: (state: ConnectionState) => void;
}

export class Connection {
  readonly #parts: Parts;
  #tab: string | null;
  #socket: WebSocket | null = null;
  #isOpen = false;
  #waitMs = FIRST_WAIT_MS;
  #timer = 0;
  #silence = 0;
  #kind: ConnectionState["kind"] = "connecting";
  #queue: Uint8Array[] = [];
  #queued = 0;
  #input = new SendWindow(INPUT_WINDOW);

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#tab = parts.tab;
  }

  start(): void {
    clearTimeout(this.#timer);
    const socket = new WebSocket(this.#parts.url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#isOpen = false;
    let end: { why: TerminalEnd; sentence: string } | null = null;
    let wasConnected = false;
    socket.addEventListener("open", () => {
      wasConnected = true;
      this.#send({ kind: "open", tab: this.#tab, ...this.#parts.size() });
    });
    socket.addEventListener("message", ({ data }) => {
      if (socket !== this.#socket) return;
      this.#heard();
      if (data instanceof ArrayBuffer) return this.#draw(new Uint8Array(data), socket);
      const reported = JSON.parse(String(data)) as FromGateway;
      if (reported.kind === "ended") end = reported;
      else this.#hear(reported);
    });
    socket.addEventListener("close", () => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      clearTimeout(this.#silence);
      this.#closed(end, wasConnected);
    });
    this.#heard();
  }

  /** At once, where it waits. */
  retry(): void {
    if (this.#socket === null && (this.#kind === "connecting" || this.#kind === "waiting")) this.start();
  }

  type(text: string): void {
    this.typeBytes(new TextEncoder().encode(text));
  }

  typeBytes(bytes: Uint8Array): void {
    if (this.#kind === "ended" || this.#kind === "refused") {
      if (bytes.includes(13)) this.#again();
      return;
    }
    // What is typed at a terminal that does not answer would come as a surprise later.
    if (!this.#isOpen || this.#queued + bytes.length > MAX_QUEUED) return;
    for (let at = 0; at < bytes.length; at += PIECE) this.#queue.push(bytes.subarray(at, at + PIECE));
    this.#queued += bytes.length;
    this.#flush();
  }

  resize(size: TerminalSize): void {
    if (this.#isOpen) this.#send({ kind: "resize", ...size });
  }

  #again(): void {
    this.#show("connecting", "Connecting…");
    this.start();
  }

  #hear(reported: Exclude<FromGateway, { kind: "ended" }>): void {
    switch (reported.kind) {
      case "opened":
        this.#tab = reported.tab;
        this.#isOpen = true;
        this.#waitMs = FIRST_WAIT_MS;
        this.#input = new SendWindow(INPUT_WINDOW);
        this.#queue = [];
        this.#queued = 0;
        this.#parts.renewed();
        this.#parts.named(reported.tab);
        this.#show("open", null);
        this.resize(this.#parts.size());
        return;
      case "ack":
        this.#input.dealtWith(reported.bytes);
        this.#flush();
        return;
      case "beat":
    }
  }

  #draw(bytes: Uint8Array, socket: WebSocket): void {
    this.#parts.write(bytes, () => {
      if (socket === this.#socket) this.#send({ kind: "ack", bytes: bytes.length });
    });
  }

  #flush(): void {
    while (!this.#input.isFull && this.#socket?.readyState === WebSocket.OPEN) {
      const piece = this.#queue.shift();
      if (piece === undefined) return;
      this.#queued -= piece.length;
      this.#input.sent(piece.length);
      this.#socket.send(Uint8Array.from(piece));
    }
  }

  #closed(end: { why: TerminalEnd; sentence: string } | null, wasConnected: boolean): void {
    this.#isOpen = false;
    if (end?.why === "exited") {
      this.#tab = null;
      return this.#show("ended", `${end.sentence} Press Enter for a new one.`);
    }
    if (end?.why === "elsewhere") return this.#show("ended", `${end.sentence} Press Enter to have it here.`);
    if (end?.why === "gone" || !wasConnected) return void this.#requestReason(end?.sentence ?? null);
    this.#waitAgain("connecting", `Reconnecting… ${end?.sentence ?? ""}`.trim(), this.#nextWait());
  }

  /** A WebSocket that is refused says nothing; whatever else is asked here is refused with the sentence. */
  async #requestReason(known: string | null): Promise<void> {
    this.#show("connecting", known ?? "Reconnecting…");
    try {
      const answer = await fetch("/state", { headers: { Accept: "application/problem+json" } });
      if (answer.ok) return this.#waitAgain("connecting", known ?? "Reconnecting…", this.#nextWait());
      const { detail } = (await answer.json()) as { detail?: string };
      const sentence = detail ?? known ?? "The environment is not reached.";
      const isRefused = answer.status === 401 || answer.status === 403 || answer.status === 404;
      if (isRefused) return this.#show("refused", `${sentence} Press Enter to try again.`);
      this.#waitAgain("waiting", sentence, WAIT_FOR_ENVIRONMENT_MS);
    } catch {
      this.#waitAgain("connecting", "Reconnecting… The gateway does not answer.", this.#nextWait());
    }
  }

  #waitAgain(kind: "connecting" | "waiting", sentence: string, waitMs: number): void {
    this.#show(kind, sentence);
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.start(), waitMs);
  }

  #nextWait(): number {
    const now = this.#waitMs;
    this.#waitMs = Math.min(LONGEST_WAIT_MS, now * 2);
    return now * (0.75 + Math.random() / 2);
  }

  #heard(): void {
    clearTimeout(this.#silence);
    this.#silence = window.setTimeout(() => this.#lose(), SILENCE_MS);
  }

  /** The network may be gone without a word: the close would take minutes. */
  #lose(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#closed(null, true);
  }

  #show(kind: ConnectionState["kind"], sentence: string | null): void {
    this.#kind = kind;
    this.#parts.show({ kind, sentence });
  }

  #send(message: FromPage): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}
