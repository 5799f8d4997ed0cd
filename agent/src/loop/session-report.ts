/**
 * The book of access as it goes into reports. Its mark changes when something is new in it: what is forgotten there because
 * the control plane has it is no news, and makes no report.
 */
import { canonicalJson } from "@remotegpu/shared/proof/journal-row";
import { sha256 } from "@remotegpu/shared/proof/row-hash";
import type { AccessReport } from "@remotegpu/shared/instance/ssh-access";

const EMPTY: AccessReport = { sessions: [], attempts: [], isWhole: true };

export class SessionReport {
  #book = EMPTY;
  #mark = sha256(canonicalJson(EMPTY));
  #entries: ReadonlySet<string> = new Set();

  get now(): { book: AccessReport; mark: string } {
    return { book: this.#book, mark: this.#mark };
  }

  /** Whether there is anything new in it. */
  take(book: AccessReport): boolean {
    const entries = new Set([...book.sessions, ...book.attempts].map((entry) => canonicalJson(entry)));
    const isNew =
      book.isWhole !== this.#book.isWhole || [...entries].some((entry) => !this.#entries.has(entry));
    if (isNew) this.#mark = sha256(canonicalJson(book));
    this.#book = book;
    this.#entries = entries;
    return isNew;
  }

  /** Ids of what is over in a book that was told and still stands in this one. */
  overIn(reported: AccessReport): string[] {
    const held = new Set(overOf(this.#book));
    return overOf(reported).filter((id) => held.has(id));
  }
}

function overOf({ sessions, attempts }: AccessReport): string[] {
  const ended = sessions.flatMap(({ sessionId, ended: end }) => (end === null ? [] : [sessionId]));
  return [...ended, ...attempts.map(({ attemptsId }) => attemptsId)];
}
