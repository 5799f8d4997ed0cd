/**
 * Lists of orders and of observed runs, read one by one: the other side may be a version ahead, and one entry that says
 * what this side does not understand costs no other. Of such an entry it stays known whose it is.
 */
import type { z } from "zod";
import { BareOrder, BareRun, DesiredInstance, ObservedInstance } from "../instance/instance.ts";
import {
  AccessAttempts,
  type AccessReport,
  AccessKey,
  AccessSession,
  type ArrivedAccessReport,
  ArrivedKeySet,
  type KeySet,
} from "../instance/ssh-access.ts";

/** `raw`: as it came, for an agent that understands it later. `why` names the member that was not understood. */
export type ReadOrder =
  | { kind: "understood"; order: DesiredInstance }
  | { kind: "not-understood"; order: BareOrder; raw: unknown; why: string }
  | { kind: "unreadable"; why: string };

export function readOrder(raw: unknown): ReadOrder {
  const whole = DesiredInstance.safeParse(raw);
  if (whole.success) return { kind: "understood", order: whole.data };
  const why = whereOf(whole.error);
  const bare = BareOrder.safeParse(raw);
  return bare.success
    ? { kind: "not-understood", order: bare.data, raw, why }
    : { kind: "unreadable", why: whereOf(bare.error) };
}

export type ReadRuns =
  | { isReadable: true; instances: ObservedInstance[]; notUnderstood: BareRun[] }
  /** One of them could be anybody's: what is missing beside it means nothing. */
  | { isReadable: false; why: string };

export function readRuns(entries: readonly unknown[]): ReadRuns {
  const instances: ObservedInstance[] = [];
  const notUnderstood: BareRun[] = [];
  for (const [at, entry] of entries.entries()) {
    const whole = ObservedInstance.safeParse(entry);
    if (whole.success) {
      instances.push(whole.data);
      continue;
    }
    const bare = BareRun.safeParse(entry);
    if (!bare.success) return { isReadable: false, why: `instances.${at}.${whereOf(bare.error)}` };
    notUnderstood.push(bare.data);
  }
  return { isReadable: true, instances, notUnderstood };
}

/** Those of a list that are understood, where nothing hangs on the others. */
export function understood<T>(schema: z.ZodType<T>, entries: readonly unknown[]): T[] {
  return entries.flatMap((entry) => {
    const read = schema.safeParse(entry);
    return read.success ? [read.data] : [];
  });
}

/**
 * The key sets of all pages. A key that is not understood opens nothing, and neither does such a set; they cost no
 * other.
 */
export function readKeySets(entries: readonly unknown[]): KeySet[] {
  return understood(ArrivedKeySet, entries).map(({ id, keys }) => ({
    id,
    keys: understood(AccessKey, keys),
  }));
}

/** A session that is not understood may be an open one, so the book is not whole without it. */
export function readAccessReport({ sessions, attempts, isWhole }: ArrivedAccessReport): AccessReport {
  const read = understood(AccessSession, sessions);
  return {
    sessions: read,
    attempts: understood(AccessAttempts, attempts),
    isWhole: isWhole && read.length === sessions.length,
  };
}

const MAX_WHERE = 100;

function whereOf({ issues }: z.ZodError): string {
  const path = issues[0]?.path.map(String).join(".") ?? "";
  return (path === "" ? "its form" : path).slice(0, MAX_WHERE);
}
