/**
 * What the tabs of a browser know together of its session, whose cookie no script can read: that one is open and until
 * when, or why it ended. Nothing where nobody was logged in, or whoever was has logged out.
 */
import { useMemo, useSyncExternalStore } from "react";

const STORED_AS = "remotegpu-session";
const ENDS = ["expired", "ended", "crowded-out", "key-ended", "doubled", "unknown"] as const;
export type SessionEnd = (typeof ENDS)[number];

export type KnownSession =
  /** @param entry another with each login */
  { state: "open"; entry: string; until: string | null } | { state: "ended"; why: SessionEnd };

type Listener = (by?: "this-tab" | "another-tab") => void;
const listeners = new Set<Listener>();

export function onKnownSession(listener: Listener): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

export function noteSession(known: KnownSession | null): void {
  if (known === null) localStorage.removeItem(STORED_AS);
  else localStorage.setItem(STORED_AS, textOf(known));
  report("this-tab");
}

export function knownSession(): KnownSession | null {
  return readKnown(localStorage.getItem(STORED_AS));
}

export function useKnownSession(): KnownSession | null {
  const text = useSyncExternalStore(onKnownSession, () => localStorage.getItem(STORED_AS));
  return useMemo(() => readKnown(text), [text]);
}

/** Why it ended, by the word of the server. */
export function endOf(reason: string | null): SessionEnd {
  return ENDS.find((end) => reason === `session-${end}`) ?? "unknown";
}

/** Null for what is none, as a page of another time may have left it: the server says who is there. */
function readKnown(text: string | null): KnownSession | null {
  const [, state, ...words] = /^(open|ended) (\S+)(?: (\S+))?$/.exec(text ?? "") ?? [];
  const [first = "", until = null] = words;
  if (state === "open") return { state, entry: first, until };
  return state === "ended" ? { state, why: endOf(`session-${first}`) } : null;
}

function textOf(known: KnownSession): string {
  if (known.state === "ended") return `ended ${known.why}`;
  return ["open", known.entry, ...(known.until === null ? [] : [known.until])].join(" ");
}

function report(by: "this-tab" | "another-tab"): void {
  for (const listener of listeners) listener(by);
}

addEventListener("storage", ({ key }) => {
  // Null: all was taken away.
  if (key === STORED_AS || key === null) report("another-tab");
});
