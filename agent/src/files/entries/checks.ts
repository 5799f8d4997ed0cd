/**
 * Checks that are under way. One of many terabytes takes longer than an answer may: who asks is told how far it is, and
 * asks again. A check whose end nobody has asked for is forgotten after a while, and would begin anew.
 */
import type { SealState } from "@remotegpu/shared/messages/files";
import type { HeldEntry } from "./held-entry.ts";
import { FileRefusal } from "./refusal.ts";

const ANSWERED_WITHIN_MS = 10_000;
const RETENTION_MS = 600_000;
const MAX_AT_ONCE = 8;

export interface Checking {
  signal: AbortSignal;
  checked: (bytes: number) => void;
}

/** What a check found as it is to be. */
export interface Checked {
  files: number;
  /** Base64, of the tree of the parts of a version; null of a single file. */
  merkleRoot: string | null;
}

type Outcome = ({ isSealed: true } & Checked) | { isSealed: false; error: unknown };

interface Check {
  readonly of: string;
  readonly ended: Promise<Outcome>;
  readonly abort: AbortController;
  checkedBytes: number;
  isOver: boolean;
}

export class Checks {
  readonly #checks = new Map<string, Check>();
  #running = 0;

  /**
   * @param of what it is to be. Another one of the same, under way, is ended
   * @param work is begun unless it is under way
   * @throws FileRefusal, or the work's error
   */
  async request(
    held: HeldEntry,
    of: string,
    work: (checking: Checking) => Promise<Checked>,
  ): Promise<SealState> {
    const { identity } = held;
    let check = this.#checks.get(identity);
    if (check !== undefined && check.of !== of) {
      await this.end(held);
      check = undefined;
    }
    check ??= this.#begin(identity, of, work);
    const outcome = await within(ANSWERED_WITHIN_MS, check.ended);
    const { checkedBytes } = check;
    if (outcome === null) return { isSealed: false, checkedBytes, files: 0 };
    if (this.#checks.get(identity) === check) this.#checks.delete(identity);
    if (!outcome.isSealed) throw outcome.error;
    const { files, merkleRoot } = outcome;
    return { isSealed: true, checkedBytes, files, ...(merkleRoot !== null && { merkleRoot }) };
  }

  /** Whether it is being read now. */
  isPending({ identity }: HeldEntry): boolean {
    return this.#checks.get(identity)?.isOver === false;
  }

  /** Ends one that is under way: something else is brought. */
  async end({ identity }: HeldEntry): Promise<void> {
    const check = this.#checks.get(identity);
    if (check === undefined) return;
    this.#checks.delete(identity);
    check.abort.abort();
    await check.ended;
  }

  #begin(identity: string, of: string, work: (checking: Checking) => Promise<Checked>): Check {
    if (this.#running >= MAX_AT_ONCE) throw new FileRefusal("busy", "host-checks-too-many");
    const abort = new AbortController();
    this.#running += 1;
    const ended = work({ signal: abort.signal, checked: (bytes) => void (check.checkedBytes += bytes) })
      .then(
        (found): Outcome => ({ isSealed: true, ...found }),
        (error: unknown): Outcome => ({ isSealed: false, error }),
      )
      .finally(() => {
        this.#running -= 1;
        check.isOver = true;
        setTimeout(() => {
          if (this.#checks.get(identity) === check) this.#checks.delete(identity);
        }, RETENTION_MS).unref();
      });
    const check: Check = { of, ended, abort, checkedBytes: 0, isOver: false };
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
