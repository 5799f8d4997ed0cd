/**
 * Checks that are under way. One of many terabytes takes longer than an answer may: who asks is told how far it is, and
 * asks again. A check whose end nobody has asked for is forgotten after a while, and would begin anew.
 */
import type { SealState } from "@remotegpu/shared/files";
import type { HeldEntry } from "../held-entry.ts";
import { FileRefusal } from "../refusal.ts";
import type { DraftWrites } from "./draft-writes.ts";
import { seal } from "./seal.ts";

const ANSWERED_WITHIN_MS = 10_000;
const KEPT_MS = 600_000;
const MAX_AT_ONCE = 8;

type Outcome = { isSealed: true; files: number } | { isSealed: false; error: unknown };

interface Check {
  readonly manifest: string;
  readonly ended: Promise<Outcome>;
  readonly abort: AbortController;
  checkedBytes: number;
}

export class Seals {
  readonly #checks = new Map<string, Check>();
  readonly #writes: DraftWrites;
  #running = 0;

  constructor(writes: DraftWrites) {
    this.#writes = writes;
  }

  /** @param manifest base64 SHA-256 of the list. @throws FileRefusal where the tree does not agree with it */
  async ask(version: HeldEntry, manifest: string): Promise<SealState> {
    const { identity } = version;
    let check = this.#checks.get(identity);
    if (check !== undefined && check.manifest !== manifest) {
      await this.end(version);
      check = undefined;
    }
    check ??= this.#begin(version, manifest);
    const outcome = await within(ANSWERED_WITHIN_MS, check.ended);
    const { checkedBytes } = check;
    if (outcome === null) return { isSealed: false, checkedBytes, files: 0 };
    if (this.#checks.get(identity) === check) this.#checks.delete(identity);
    if (!outcome.isSealed) throw outcome.error;
    return { isSealed: true, checkedBytes, files: outcome.files };
  }

  /** Ends one that is under way: something else is brought. */
  async end(version: HeldEntry): Promise<void> {
    const check = this.#checks.get(version.identity);
    if (check === undefined) return;
    this.#checks.delete(version.identity);
    check.abort.abort();
    await check.ended;
  }

  #begin(version: HeldEntry, manifest: string): Check {
    if (this.#running >= MAX_AT_ONCE) throw new FileRefusal("busy", "That host checks too many trees now.");
    const abort = new AbortController();
    const own = version.below(new Uint8Array(), { isFolder: true });
    const sealing = {
      manifest,
      writes: this.#writes,
      signal: abort.signal,
      checked: (bytes: number) => void (check.checkedBytes += bytes),
    };
    this.#running += 1;
    const ended = seal(own, sealing)
      .then(
        (files): Outcome => ({ isSealed: true, files }),
        (error: unknown): Outcome => ({ isSealed: false, error }),
      )
      .finally(() => {
        own.close();
        this.#running -= 1;
        setTimeout(() => {
          if (this.#checks.get(identity) === check) this.#checks.delete(identity);
        }, KEPT_MS).unref();
      });
    const check: Check = { manifest, ended, abort, checkedBytes: 0 };
    const { identity } = version;
    this.#checks.set(identity, check);
    return check;
  }
}

/** Null where it takes longer. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
