/**
 * What the page of the terminal and the gateway say to each other over one WebSocket: binary messages are bytes of the
 * terminal, text messages are one of these as JSON. Both sides tell how many bytes they have dealt with, so that neither
 * sends more than a window ahead, and Ctrl-C never waits behind what nobody has seen.
 */

/** Bytes of output under way to a page. */
export const OUTPUT_WINDOW = 256 * 1024;
/** The window of input to a gateway: what a person pastes. */
export const INPUT_WINDOW = 64 * 1024;
/** The gateway says something this often; a page that hears nothing for longer than twice that connects anew. */
export const BEAT_MS = 15_000;

export interface TerminalSize {
  columns: number;
  rows: number;
}

export type FromPage =
  /** The first: which terminal it is. Null: whichever is there and open nowhere, or a new one. */
  | ({ kind: "open"; tab: string | null } & TerminalSize)
  | ({ kind: "resize" } & TerminalSize)
  | { kind: "ack"; bytes: number };

export type TerminalEnd =
  /** The shell has ended, and its session with it. */
  | "exited"
  /** Somebody opened the same one in another window. */
  | "elsewhere"
  /** The right to it, or the environment, has gone. */
  | "gone"
  /** The way to it: it goes on, and the page may try again. */
  | "lost";

export type FromGateway =
  | { kind: "opened"; tab: string }
  | { kind: "ack"; bytes: number }
  | { kind: "beat" }
  | {
      kind: "ended";
      why: TerminalEnd;
      sentence: string;
      /** The sentence as a code, for programs and translations. */
      reason_code: string;
      reason_params: Record<string, unknown>;
    };

/** The form of a terminal's name, which stands in a command. */
const TAB = /^[a-z0-9]{6,24}$/;
const MAX_SIDE = 1_000;

export function isTabName(text: unknown): text is string {
  return typeof text === "string" && TAB.test(text);
}

/** Null for what is none of a page's messages. */
export function readFromPage(text: string): FromPage | null {
  const reported = objectOf(text);
  if (reported === null) return null;
  const { kind, tab, bytes } = reported;
  if (kind === "ack") return isCount(bytes) ? { kind, bytes } : null;
  const size = sizeOf(reported);
  if (size === null) return null;
  if (kind === "resize") return { kind, ...size };
  if (kind !== "open") return null;
  return tab === null || isTabName(tab) ? { kind, tab, ...size } : null;
}

function objectOf(text: string): Record<string, unknown> | null {
  try {
    const reported: unknown = JSON.parse(text);
    return typeof reported === "object" && reported !== null && !Array.isArray(reported)
      ? { ...reported }
      : null;
  } catch {
    return null;
  }
}

function sizeOf({ columns, rows }: Record<string, unknown>): TerminalSize | null {
  return isSide(columns) && isSide(rows) ? { columns, rows } : null;
}

function isSide(value: unknown): value is number {
  return isCount(value) && value >= 1 && value <= MAX_SIDE;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
