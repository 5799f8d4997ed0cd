/**
 * Watches the ranks of gangs on this host. Of one that is held it finds out what its gang relies on, again and again; of
 * one that may go, when its first process has let go; of one that was released, which others it still hears. Nothing of
 * this is written down: a new life of the agent sees it anew.
 */
import { AssertionError } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import type { RunId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance, Finding } from "@remotegpu/shared/instance/instance";
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { waitsForGang, orderedShmBytes } from "../../core/container/container-spec.ts";
import { isSameRun, networkLabel } from "../../core/container/container.ts";
import {
  clockFinding,
  diskFinding,
  networkFinding,
  shmFinding,
  SMALL_PACKET_BYTES,
  type ClockOffset,
} from "../../core/gangs/findings.ts";
import type { GangFacts } from "../../core/gangs/gang-facts.ts";
import { heardAfter, silentRanks } from "../../core/gangs/silence.ts";
import { ownedContainers, type Knowledge } from "../../core/runs/run-view.ts";
import { isHeld, reachedFrom, sharedMemoryBytes } from "../../host/gang-ranks.ts";

/** While something is not as it must be, its whole gang waits. */
const FAILING_CHECK_MS = 500;
const PASSED_CHECK_MS = 3 * MS_PER_SECOND;
/** Between two looks at whether those of this host are all up. */
const UP_CHECK_MS = 50;
const LISTEN_EVERY_MS = 5 * MS_PER_SECOND;
/** Between two looks at whether a first process has let go, which looks for its word as often. */
const LET_GO_CHECK_MS = 20;

/** `areAllUp`: so are all ranks of its gang on this host. Before that there is nothing to find, and starts need the host. */
type Rank = { order: DesiredInstance; pid: number; isOpen: boolean; areAllUp: boolean };

export type GangWatchParts = {
  /** Of the toolbox. */
  reachProgram: string;
  /** Its word to go lies in its live folder. */
  isReleased: (runId: RunId) => boolean;
  /** Null while the control plane was not heard. */
  clockOffset: () => ClockOffset | null;
  isDiskNearlyFull: () => boolean;
  monotonicMs: () => number;
  wake: () => void;
  log: Log;
};

export class GangWatch {
  readonly #parts: GangWatchParts;
  readonly #closing = new AbortController();
  /** Those that run, as they were seen last. */
  #ranks = new Map<RunId, Rank>();
  readonly #followed = new Map<RunId, Promise<void>>();
  readonly #releases = new Map<RunId, Promise<void>>();
  readonly #findings = new Map<RunId, readonly Finding[]>();
  readonly #heardMs = new Map<RunId, ReadonlyMap<string, number>>();
  readonly #silent = new Map<RunId, readonly string[]>();
  #letGo: ReadonlySet<RunId> = new Set();

  constructor(parts: GangWatchParts) {
    this.#parts = parts;
  }

  /** Runs whose first process was released and has let go, or has ended since. */
  get letGo(): ReadonlySet<RunId> {
    return this.#letGo;
  }

  /** To be told of each rank that runs. */
  get facts(): ReadonlyMap<RunId, GangFacts> {
    return new Map(
      [...this.#ranks].map(([runId, { isOpen }]) => [
        runId,
        isOpen ? { cutOff: this.#silent.get(runId) ?? [] } : { held: this.#findings.get(runId) ?? [] },
      ]),
    );
  }

  /** To be called with what each round sees, before it decides. Nobody waits for what is begun here. */
  check(knowledge: Knowledge): void {
    const ranks = new Map<RunId, Rank>();
    const letGo = new Set<RunId>();
    for (const { owner, status } of ownedContainers(knowledge)) {
      const order = knowledge.desired.find((one) => isSameRun(one, owner));
      const record = knowledge.runs.find((one) => isSameRun(one, owner));
      if (order === undefined || !waitsForGang(order.spec)) continue;
      const isReleased = order.live.released === true && this.#parts.isReleased(owner.runId);
      // One that ended with the word before it has used it, however short it ran.
      if (isReleased && (status.state === "exited" || this.#letGo.has(owner.runId))) letGo.add(owner.runId);
      if (status.state !== "running") continue;
      ranks.set(owner.runId, { order, pid: status.pid, isOpen: record?.gate != null, areAllUp: true });
    }
    for (const order of knowledge.desired)
      if (order.want === "running" && waitsForGang(order.spec) && !ranks.has(order.runId))
        for (const rank of ranks.values()) if (isOfOneGang(rank.order, order)) rank.areAllUp = false;
    this.#ranks = ranks;
    this.#letGo = letGo;
    for (const known of [this.#findings, this.#heardMs, this.#silent])
      for (const runId of known.keys()) if (!ranks.has(runId)) known.delete(runId);
    for (const [runId, { order, isOpen }] of ranks) {
      this.#begin(this.#followed, runId, () => this.#follow(runId));
      if (order.live.released === true && !isOpen && !letGo.has(runId))
        this.#begin(this.#releases, runId, () => this.#awaitLetGo(runId));
    }
  }

  async close(): Promise<void> {
    this.#ranks = new Map();
    this.#closing.abort();
    await Promise.all([...this.#followed.values(), ...this.#releases.values()]);
  }

  #begin(under: Map<RunId, Promise<void>>, runId: RunId, work: () => Promise<void>): void {
    if (under.has(runId) || this.#closing.signal.aborted) return;
    const begun = work()
      .catch((error: unknown) => {
        if (error instanceof AssertionError) throw error;
        this.#parts.log.warn({ runId, error }, "a gang's rank could not be checked; retrying");
      })
      .finally(() => under.delete(runId));
    under.set(runId, begun);
  }

  /** Until it does not run any more. */
  async #follow(runId: RunId): Promise<void> {
    for (let rank = this.#ranks.get(runId); rank !== undefined; rank = this.#ranks.get(runId)) {
      if (!rank.isOpen && !rank.areAllUp) {
        await this.#pause(UP_CHECK_MS);
        continue;
      }
      if (rank.isOpen) await this.#listen(runId, rank);
      else await this.#examine(runId, rank);
      const isWell = (this.#findings.get(runId) ?? []).every(({ isPassed }) => isPassed);
      await this.#pause(rank.isOpen ? LISTEN_EVERY_MS : isWell ? PASSED_CHECK_MS : FAILING_CHECK_MS);
    }
  }

  async #awaitLetGo(runId: RunId): Promise<void> {
    for (let rank = this.#ranks.get(runId); rank !== undefined; rank = this.#ranks.get(runId)) {
      if (rank.isOpen || rank.order.live.released !== true) return;
      // The name of one that was not released yet may be that of one that has only just begun.
      if (this.#parts.isReleased(runId) && (await isHeld(rank.pid)) === false) {
        this.#letGo = new Set([...this.#letGo, runId]);
        this.#parts.wake();
        return;
      }
      await this.#pause(LET_GO_CHECK_MS);
    }
  }

  async #examine(runId: RunId, rank: Rank): Promise<void> {
    const before = this.#findings.get(runId) ?? [];
    const failing = before.flatMap(({ address, isPassed }) => (isPassed ? [] : [address]));
    const findings = await this.#findingsOf(rank, failing);
    if (findings === null || !this.#ranks.has(runId)) return;
    this.#findings.set(runId, findings);
    if (JSON.stringify(before) !== JSON.stringify(findings)) this.#parts.wake();
  }

  /**
   * Null where its container is gone.
   * @param failing those that did not answer before, either: a rank that is not up yet is worth one short look
   */
  async #findingsOf(
    { order: { spec }, pid }: Rank,
    failing: readonly (string | undefined)[],
  ): Promise<Finding[] | null> {
    const others = othersOf(spec);
    const addresses = others.map(({ address }) => address);
    const full = await this.#reached({ pid, packetBytes: 0, addresses });
    if (full === null) return null;
    const silent = addresses.filter((address) => !full.heard.has(address) && failing.includes(address));
    const small = await this.#reached({ pid, packetBytes: SMALL_PACKET_BYTES, addresses: silent });
    const reached = {
      packetBytes: full.packetBytes,
      full: full.heard,
      small: small?.heard ?? new Set<string>(),
    };
    const offset = this.#parts.clockOffset();
    return [
      ...others.map((rank) => networkFinding(rank, reached)),
      ...(offset === null ? [] : [clockFinding(offset)]),
      diskFinding({ isNearlyFull: this.#parts.isDiskNearlyFull() }),
      shmFinding(orderedShmBytes(spec), await sharedMemoryBytes(pid)),
    ];
  }

  async #listen(runId: RunId, { order: { spec }, pid }: Rank): Promise<void> {
    const requested = othersOf(spec).map(({ address }) => address);
    const reached = await this.#reached({ pid, packetBytes: 0, addresses: requested });
    const nowMs = this.#parts.monotonicMs();
    if (reached === null || !this.#ranks.has(runId)) return;
    const before = this.#heardMs.get(runId) ?? new Map<string, number>();
    const after = heardAfter(before, { requested, heard: reached.heard }, nowMs);
    const silent = silentRanks(after, nowMs);
    const isChange = silent.join() !== (this.#silent.get(runId) ?? []).join();
    this.#heardMs.set(runId, after);
    this.#silent.set(runId, silent);
    if (isChange) this.#parts.wake();
  }

  async #reached(requested: {
    pid: number;
    packetBytes: number;
    addresses: readonly string[];
  }): ReturnType<typeof reachedFrom> {
    if (requested.addresses.length === 0) return { packetBytes: requested.packetBytes, heard: new Set() };
    return reachedFrom(this.#parts.reachProgram, requested);
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { ref: false, signal: this.#closing.signal }).catch(() => undefined);
  }
}

function isOfOneGang(one: DesiredInstance, other: DesiredInstance): boolean {
  return networkLabel(one.spec.network) === networkLabel(other.spec.network);
}

/** The ranks of its gang but itself. */
function othersOf({
  network,
  hosts = [],
}: DesiredInstance["spec"]): NonNullable<DesiredInstance["spec"]["hosts"]> {
  const own = typeof network === "string" ? null : network.address;
  return hosts.filter(({ address }) => address !== own);
}
