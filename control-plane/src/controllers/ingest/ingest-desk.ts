/**
 * Takes batches as they come and decides together, one of each host, those that came while the last ones were being
 * decided: in calm each is decided at once, in a rush or a backlog by fewer and larger transactions, and nobody waits
 * for a timer.
 */
import type { HostId } from "@remotegpu/shared/ids";
import type { JournalBatch } from "@remotegpu/shared/journal-row";
import { type IngestDeps, type IngestOutcome, type IngestReport, ingestBatches } from "./ingest.ts";
import type { Delivery } from "./ingest-transaction.ts";

/** Of one transaction: it holds the journals, runs and payers of all, and its rows are in memory. */
const MAX_ROWS_TOGETHER = 8_000;
/** Transactions at a time: one that waits for somebody's lock does not keep those that come after it. */
const MAX_AT_A_TIME = 4;

interface Waiting extends Delivery {
  readonly done: (report: IngestReport | Promise<IngestReport>) => void;
}

export class IngestDesk {
  readonly #deps: IngestDeps;
  readonly #now: () => Date;
  readonly #deciding = new Set<HostId>();
  #waiting: Waiting[] = [];
  #serving = 0;

  constructor(deps: IngestDeps, now: () => Date) {
    this.#deps = deps;
    this.#now = now;
  }

  /**
   * Resolves once the batch is committed. Batches of one host are decided in the order in which they come.
   * @throws whatever brings the batch again
   */
  async take(hostId: HostId, batch: JournalBatch): Promise<IngestReport> {
    const report = new Promise<IngestReport>((done) => this.#waiting.push({ hostId, batch, done }));
    this.#wake();
    return await report;
  }

  #wake(): void {
    if (this.#serving < MAX_AT_A_TIME) void this.#serve();
  }

  async #serve(): Promise<void> {
    this.#serving += 1;
    // What arrived with the first in the same moment is decided with it.
    await new Promise<void>((resolve) => void setImmediate(resolve));
    for (let next = this.#next(); next.length > 0; next = this.#next()) await this.#decide(next);
    this.#serving -= 1;
  }

  /** The first of each host that nobody decides for already, as many as fit. */
  #next(): Waiting[] {
    const next = new Map<HostId, Waiting>();
    let rows = 0;
    for (const waiting of this.#waiting) {
      if (next.has(waiting.hostId) || this.#deciding.has(waiting.hostId)) continue;
      rows += waiting.batch.rows.length;
      if (next.size > 0 && rows > MAX_ROWS_TOGETHER) break;
      next.set(waiting.hostId, waiting);
    }
    const chosen = new Set(next.values());
    this.#waiting = this.#waiting.filter((waiting) => !chosen.has(waiting));
    return [...chosen];
  }

  /**
   * Should the transaction fail, each is decided by itself, and the desk goes on meanwhile: what is wrong with one delays
   * no other.
   */
  async #decide(ones: readonly Waiting[]): Promise<void> {
    for (const { hostId } of ones) this.#deciding.add(hostId);
    try {
      const outcomes = await ingestBatches(this.#deps, ones, this.#now());
      for (const [index, { done }] of ones.entries()) done(reportOf(outcomes[index]));
    } catch (error) {
      if (ones.length > 1) return this.#decideApart(ones);
      for (const { done } of ones) done(Promise.reject(error));
    }
    for (const { hostId } of ones) this.#deciding.delete(hostId);
  }

  #decideApart(ones: readonly Waiting[]): void {
    for (const one of ones) void this.#decide([one]).then(() => this.#wake());
  }
}

function reportOf(outcome: IngestOutcome | undefined): IngestReport | Promise<IngestReport> {
  if (outcome?.taken === true) return outcome.report;
  return Promise.reject(outcome?.again ?? new Error("a batch has no outcome"));
}
