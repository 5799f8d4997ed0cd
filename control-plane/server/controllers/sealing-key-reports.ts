/** Says in the database which sealing keys this server has, so that nobody takes one away that it needs. */
import type { SealingKeySet } from "../link/servers/sealing-keys.ts";
import type { Database } from "../store/database/database.ts";
import { reportSealingKeys, withdrawSealingKeys } from "../store/secrets/sealing-key-reports.ts";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";

const AGAIN_AFTER_MS = MS_PER_MINUTE;

export interface SealingKeyReportsDeps {
  db: Database;
  now: () => Date;
  /** As its file says at this moment. */
  keys: () => SealingKeySet;
  /** The machine and the file, as people know them. */
  server: string;
  /** This process, as the leader's row names it. */
  holder: string;
}

export class SealingKeyReports {
  readonly #deps: SealingKeyReportsDeps;
  #text: { text: string; atMs: number } | null = null;

  constructor(deps: SealingKeyReportsDeps) {
    this.#deps = deps;
  }

  /** Writes where the keys are others than it said last, or that was a while ago. */
  async pass(): Promise<void> {
    const { db, now, keys, server, holder } = this.#deps;
    const set = keys();
    const keyNames = set.keys.map(({ name }) => name);
    const sealsWith = set.sealsWith.name;
    const text = [sealsWith, ...keyNames].join(" ");
    const nowMs = now().getTime();
    if (this.#text?.text === text && nowMs - this.#text.atMs < AGAIN_AFTER_MS) return;
    await reportSealingKeys(db, { server, holder, sealsWith, keyNames });
    this.#text = { text, atMs: nowMs };
  }

  /** This server ends in order. */
  async end(): Promise<void> {
    await withdrawSealingKeys(this.#deps.db, this.#deps.holder);
  }
}
