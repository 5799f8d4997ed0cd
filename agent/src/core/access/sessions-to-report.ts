/** What of the book of access goes into a report: what is over first, since it is forgotten once it was told. */
import {
  MAX_ATTEMPTS,
  type AccessAttempts,
  type AccessReport,
  type AccessSession,
} from "@remotegpu/shared/instance/ssh-access";

/** Fewer than a report may hold: the leases and cards of a host stand on the same page. */
export const MAX_REPORTED_SESSIONS = 256;
/** So that open ones are told however many have just ended. */
export const MAX_REPORTED_ENDED = 128;

/** In the order of their beginnings, whatever the order in which they come. */
export function sessionsToReport(book: {
  open: readonly AccessSession[];
  ended: readonly AccessSession[];
  attempts: readonly AccessAttempts[];
}): AccessReport {
  const ended = book.ended.toSorted((a, b) => before(a.ended?.at, b.ended?.at)).slice(0, MAX_REPORTED_ENDED);
  const open = book.open
    .toSorted((a, b) => before(a.openedAt, b.openedAt))
    .slice(0, MAX_REPORTED_SESSIONS - ended.length);
  return {
    sessions: [...ended, ...open],
    attempts: book.attempts.toSorted((a, b) => before(a.firstAt, b.firstAt)).slice(0, MAX_ATTEMPTS),
    isWhole: open.length === book.open.length,
  };
}

function before(a = "", b = ""): number {
  return a < b ? -1 : Number(a > b);
}
