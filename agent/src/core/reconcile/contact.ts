/**
 * For how long this host has been cut off: the time since the control plane last accepted a heartbeat, counted on
 * the boot clock and kept in the journal, so that a restart of the agent begins no new count. What follows from it
 * is reconcile's matter.
 *
 * A reboot starts the clock anew, and how long the host was off no clock of it can say. The count is then what was
 * written down before plus the time since the boot: never too much, so nothing is stopped too early. It may be too
 * little, and the control plane counts the time off, too, before it places such an instance elsewhere. Therefore
 * nothing with a `stop_after` is started in a boot before contact was made in it (start-obstacle.ts): the reboot
 * has ended it, and until somebody says that it is still wanted here, it stays ended.
 */
import type { BootId } from "@remotegpu/shared/values/ids";
import type { MonotonicTime } from "../runs/run-record.ts";

export type Contact = {
  bootId: BootId;
  /** The moment of that boot up to which `cutOffMs` counts. */
  atMs: number;
  cutOffMs: number;
  /** Whether a heartbeat was accepted in this boot. */
  wasHeardInBoot: boolean;
};

/** The control plane has just accepted a heartbeat. */
export function heardAt(now: MonotonicTime): Contact {
  return { bootId: now.bootId, atMs: now.ms, cutOffMs: 0, wasHeardInBoot: true };
}

/**
 * Where a starting agent goes on.
 * @param stored null for a journal that never kept it (or lost it): the count begins now
 */
export function resumedContact(stored: Contact | null, now: MonotonicTime): Contact {
  if (stored === null) return { bootId: now.bootId, atMs: now.ms, cutOffMs: 0, wasHeardInBoot: false };
  if (stored.bootId === now.bootId) return stored;
  return { bootId: now.bootId, atMs: 0, cutOffMs: stored.cutOffMs, wasHeardInBoot: false };
}

/** @param nowMs on the clock of the contact's own boot */
export function cutOffMs(contact: Contact, nowMs: number): number {
  return contact.cutOffMs + Math.max(0, nowMs - contact.atMs);
}

/** The same count, told as of now: what a reboot after this moment cannot take away. */
export function countedUpTo(contact: Contact, nowMs: number): Contact {
  return { ...contact, atMs: Math.max(contact.atMs, nowMs), cutOffMs: cutOffMs(contact, nowMs) };
}
