/**
 * The host's part in the hourly samples of its storage pool: asks what is to be measured, measures, tells. All of it in
 * the background, one round at a time and in bounded time; a round that fails, or a host that ends in the middle of
 * one, costs a sample and nothing else.
 */
import type { Log } from "@remotegpu/shared/log";
import { MAX_PAGES } from "@remotegpu/shared/messages/paging";
import {
  MAX_SAMPLE_BYTES,
  type StorageFolder,
  type StorageReport,
} from "@remotegpu/shared/messages/storage-sampling";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { deletedBelow, type FoldersDeleted } from "../../core/storage/deleted-files.ts";
import { LinkDownError } from "../../link/connection.ts";
import { type ControlPlaneClient, RequestRefusedError } from "../../link/control-plane-client.ts";
import type { Measuring } from "../../runtime/storage/pool-usage.ts";
import { RuntimeDown, RuntimeError } from "../../runtime/docker/runtime-error.ts";

/** Hosts of a fleet do not begin all at once when an hour has come. */
const SPREAD_MS = 10 * MS_PER_MINUTE;
/** Also of a control plane that does not sample: it may be upgraded. */
const AGAIN_AFTER_FAILURE_MS = 10 * MS_PER_MINUTE;
/** What is measured after this belongs to no hour that anybody waits for. */
const ROUND_MS = 50 * MS_PER_MINUTE;
const OWNER_MS = 10 * MS_PER_MINUTE;
const SUMS_PER_REPORT = 500;
const DELETED_FRESH_MS = MS_PER_MINUTE;

type Sum = StorageReport["sums"][number];
type Order = { hourMs: number; folders: StorageFolder[]; againInMs: number };

export type StorageSamplingOptions = {
  client: Pick<ControlPlaneClient, "storage">;
  isConnected: () => boolean;
  measure: (paths: readonly string[], bounds: Omit<Measuring, "poolRoot">) => Promise<number | null>;
  /** Of this host's own runs: what others have deleted and still open only their hosts can see. */
  deletedInPool: () => Promise<readonly FoldersDeleted[]>;
  monotonicMs: () => number;
  log: Log;
};

export class StorageSampling {
  readonly #options: StorageSamplingOptions;
  readonly #ending = new AbortController();
  #nextMs = Number.NEGATIVE_INFINITY;
  #isPending = false;
  #isFailing = false;
  #deleted: { atMs: number; folders: readonly FoldersDeleted[] } = {
    atMs: Number.NEGATIVE_INFINITY,
    folders: [],
  };

  constructor(options: StorageSamplingOptions) {
    this.#options = options;
  }

  /** Begins whatever is due; returns at once. */
  checkWhenDue(nowMs: number): void {
    if (this.#isPending || nowMs < this.#nextMs || !this.#options.isConnected()) return;
    this.#isPending = true;
    void this.#sample().finally(() => (this.#isPending = false));
  }

  /** Gives up what is under way. Nobody waits for that: a file system that stands still lets no program end. */
  close(): void {
    this.#ending.abort();
  }

  async #sample(): Promise<void> {
    const { monotonicMs, log } = this.#options;
    try {
      const order = await this.#request();
      this.#isFailing = false;
      this.#nextMs = monotonicMs() + order.againInMs + Math.random() * SPREAD_MS;
      if (order.folders !== null) await this.#carryOut({ ...order, folders: order.folders });
    } catch (error) {
      if (!(error instanceof LinkDownError || error instanceof RequestRefusedError)) throw error;
      // Of many that follow each other the first is told.
      if (!this.#isFailing) log.warn({ error }, "storage is not sampled now; tried again later");
      this.#isFailing = true;
      this.#nextMs = monotonicMs() + AGAIN_AFTER_FAILURE_MS * (1 + Math.random());
    }
  }

  /** The whole order, or when to ask again. @throws LinkDownError, RequestRefusedError */
  async #request(): Promise<Order | { folders: null; againInMs: number }> {
    const { client } = this.#options;
    const folders: StorageFolder[] = [];
    let after: string | null = null;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const reply = await client.storage({ kind: "storage-question", after });
      if (reply.kind === "storage-rest") return { folders: null, againInMs: reply.againInMs };
      if (reply.kind === "storage-taken") break;
      folders.push(...reply.folders);
      if (reply.next === null) return { hourMs: reply.hourMs, folders, againInMs: reply.againInMs };
      after = reply.next;
    }
    throw new RequestRefusedError("what is to be measured does not come to an end");
  }

  /** @throws LinkDownError, RequestRefusedError */
  async #carryOut({ hourMs, folders }: Order): Promise<void> {
    const { client, monotonicMs, log } = this.#options;
    const endsMs = monotonicMs() + ROUND_MS;
    const unmeasured: string[] = [];
    let sums: Sum[] = [];
    const report = async (isLast: boolean) => {
      await client.storage({ kind: "storage-report", hourMs, sums, isLast });
      sums = [];
    };
    for (const [owner, ofOwner] of Map.groupBy(folders, (folder) => folder.owner)) {
      const bytes = await this.#measure(ofOwner, Math.min(OWNER_MS, endsMs - monotonicMs()));
      if (this.#ending.signal.aborted) return;
      if (bytes === null) unmeasured.push(owner);
      sums.push({ owner, bytes });
      if (sums.length === SUMS_PER_REPORT) await report(false);
    }
    await report(true);
    if (unmeasured.length > 0)
      log.warn(
        { owners: unmeasured.length, first: unmeasured[0] },
        "storage of some owners could not be measured, or not in time; this hour has no sample of it",
      );
  }

  async #measure(folders: readonly StorageFolder[], timeoutMs: number): Promise<number | null> {
    if (timeoutMs <= 0) return null;
    const paths = folders.map(({ path }) => path);
    // First what is deleted: what is deleted between the two is then counted in neither, rather than in both.
    const deletedBytes = deletedBelow(paths, await this.#deletedInPool());
    const named = await this.#options.measure(paths, { timeoutMs, signal: this.#ending.signal });
    const bytes = named === null ? null : named + deletedBytes;
    return bytes !== null && bytes <= MAX_SAMPLE_BYTES ? bytes : null;
  }

  /** As fresh as it is for many owners that are measured in a row. A runtime that does not answer costs no sample. */
  async #deletedInPool(): Promise<readonly FoldersDeleted[]> {
    const { deletedInPool, monotonicMs, log } = this.#options;
    const nowMs = monotonicMs();
    if (nowMs - this.#deleted.atMs < DELETED_FRESH_MS) return this.#deleted.folders;
    try {
      this.#deleted = { atMs: nowMs, folders: await deletedInPool() };
    } catch (error) {
      if (!(error instanceof RuntimeDown || error instanceof RuntimeError)) throw error;
      log.warn({ error }, "what runs have deleted and still open is not sampled");
      this.#deleted = { atMs: nowMs, folders: [] };
    }
    return this.#deleted.folders;
  }
}
