/**
 * The book of access on the disk: sessions and attempts until the control plane has them, in the access process's own
 * file. A row whose bytes changed by themselves counts as absent.
 */
import type Database from "better-sqlite3";
import { AccessAttempts, AccessSession } from "@remotegpu/shared/instance/ssh-access";
import { seal, unseal, type StoredSeal } from "../../journal/database/sealed.ts";

type Row = StoredSeal & { entry_id: string; is_session: number };

export type SessionChange = {
  sessions: readonly AccessSession[];
  attempts: readonly AccessAttempts[];
  /** Ids of either. */
  forgotten: readonly string[];
};

export class SessionStore {
  readonly #sqlite: Database.Database;
  readonly #transact: (work: () => unknown) => void;

  constructor(sqlite: Database.Database, transact: (work: () => unknown) => void) {
    this.#sqlite = sqlite;
    this.#transact = transact;
  }

  read(): { sessions: AccessSession[]; attempts: AccessAttempts[] } {
    const rows = this.#sqlite
      .prepare<[], Row>("SELECT entry_id, is_session, entry, entry_hash FROM access_book")
      .all();
    const sessions = rows
      .filter((row) => row.is_session === 1)
      .flatMap((row) => unseal(row, AccessSession) ?? []);
    const attempts = rows
      .filter((row) => row.is_session !== 1)
      .flatMap((row) => unseal(row, AccessAttempts) ?? []);
    return { sessions, attempts };
  }

  /** All of it or nothing. @throws LeaseStoreError */
  write({ sessions, attempts, forgotten }: SessionChange): void {
    const put = this.#sqlite.prepare(
      `INSERT INTO access_book (entry_id, is_session, entry, entry_hash)
       VALUES (:id, :isSession, :entry, :entry_hash)
       ON CONFLICT (entry_id) DO UPDATE SET entry = :entry, entry_hash = :entry_hash`,
    );
    const forget = this.#sqlite.prepare("DELETE FROM access_book WHERE entry_id = ?");
    this.#transact(() => {
      for (const session of sessions) put.run({ id: session.sessionId, isSession: 1, ...seal(session) });
      for (const one of attempts) put.run({ id: one.attemptsId, isSession: 0, ...seal(one) });
      for (const id of forgotten) forget.run(id);
    });
  }
}
