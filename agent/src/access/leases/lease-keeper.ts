/**
 * Keeps the leases: takes the agent's list, picks numbers, has the relay bind them, and lets go of what is released
 * or idle. Level-triggered: whatever happens only wakes the one loop, which binds what should be bound and is not.
 * Every change is written down first and done then.
 */
import type { LeaseId, WorkloadId } from "@remotegpu/shared/values/ids";
import { MAX_LEASES_OF_HOST } from "@remotegpu/shared/instance/lease";
import type { Log } from "@remotegpu/shared/log";
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import {
  accessed,
  afterBind,
  bindAgainAfterMs,
  exhausted,
  isIdle,
  released,
  withNumber,
  type BindOutcome,
  type LeaseRecord,
} from "../../core/leases/lease.ts";
import { changesBy, isOlder } from "../../core/leases/lease-list.ts";
import {
  choosePort,
  exhaustedReason,
  portCounts,
  portUse,
  randomStart,
  type PortCounts,
  type PortRange,
} from "../../core/leases/lease-port.ts";
import type { AccessList } from "../control/control-messages.ts";
import type { LeaseStore } from "../store/lease-store.ts";
import { LeaseStoreError } from "../store/lease-store-error.ts";
import type { LeaseActivity } from "../relay/relay-messages.ts";

/** Numbers tried for one lease in a row before it is called exhausted. */
const MAX_TRIES = 64;
/** What was accessed is written down this often; a crash forgets less than that. */
const WRITE_EVERY_MS = 60_000;
export const TICK_EVERY_MS = 1_000;

const PORTS_AT_MOST: HostReason = {
  code: "lease-ports-at-most",
  params: { max_ports: MAX_LEASES_OF_HOST },
};

export type LeaseToBind = Pick<LeaseRecord, "leaseId" | "service" | "internalPort">;

export type Binder = {
  /** Null: there is nobody to bind it now; `rebind` is called when there is. */
  listen(lease: LeaseToBind, port: number): Promise<BindOutcome | null>;
  close(leaseId: LeaseId): void;
};

export type KeeperOptions = {
  store: LeaseStore;
  binder: Binder;
  range: PortRange;
  clock: { monotonicMs: () => number; wallMs: () => number };
  /** From 0 to just below 1. */
  chance: () => number;
  /** Something that the agent should know has changed. */
  onMessage: () => void;
  log: Log;
};

type Retry = { failures: number; dueMs: number };

export class LeaseKeeper {
  readonly #options: KeeperOptions;
  readonly #leases: Map<LeaseId, LeaseRecord>;
  readonly #bound = new Set<LeaseId>();
  readonly #retries = new Map<LeaseId, Retry>();
  /** Accessed since they were written down. */
  readonly #accessed = new Set<LeaseId>();
  readonly #openedMs: number;
  readonly #clockAtOpenMs: number;
  #named: ReadonlySet<string> = new Set();
  #writtenMs: number;
  #settling: Promise<void> | null = null;
  #isAgain = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
    const { store, clock, log } = options;
    const { leases, damaged } = store.leases();
    if (damaged.length > 0)
      log.error({ damaged }, "leases had changed by themselves on the disk and are lost");
    this.#leases = new Map(leases.map((lease) => [lease.leaseId, lease]));
    this.#openedMs = clock.monotonicMs();
    this.#clockAtOpenMs = store.clockMs;
    this.#writtenMs = this.#openedMs;
  }

  /** The observed clock: how long access processes have run on this host, all together. */
  get nowMs(): number {
    return this.#clockAtOpenMs + this.#options.clock.monotonicMs() - this.#openedMs;
  }

  /** How the numbers of the range are used now. */
  get ports(): PortCounts {
    return portCounts(this.#options.range, portUse(this.#leases.values(), this.nowMs));
  }

  /** What the agent's report holds: everything open, and of what is released what was asked for. */
  get reported(): LeaseRecord[] {
    const known = [...this.#leases.values()];
    const named = known.filter(({ leaseId }) => this.#named.has(leaseId));
    const others = known.filter(({ leaseId, state }) => !this.#named.has(leaseId) && state !== "released");
    return [...named, ...others].slice(0, MAX_LEASES_OF_HOST);
  }

  /** Those that are not released. */
  get open(): LeaseId[] {
    return [...this.#leases.values()].flatMap(({ leaseId, state }) =>
      state === "released" ? [] : [leaseId],
    );
  }

  /** By which SSH or RDP leads to this port of a workload; null: it was released, or never taken. */
  relayedBy(workloadId: WorkloadId, internalPort: number): LeaseId | null {
    const lease = [...this.#leases.values()].find(
      (one) =>
        one.workloadId === workloadId &&
        (one.service === "ssh" || one.service === "rdp") &&
        one.internalPort === internalPort &&
        one.state !== "released",
    );
    return lease?.leaseId ?? null;
  }

  /** Also one that is released, until it is forgotten. */
  find(leaseId: LeaseId): LeaseRecord | null {
    return this.#leases.get(leaseId) ?? null;
  }

  /** The lease that leads to a service now; null for one that is not held. */
  held(leaseId: LeaseId): LeaseRecord | null {
    const lease = this.find(leaseId);
    return lease?.state === "held" ? lease : null;
  }

  /** Follows the list, or says why not. @throws LeaseStoreError */
  take(list: Pick<AccessList, "term" | "generation" | "leases">): { refused: string | null } {
    const { store, binder } = this.#options;
    const { term, generation } = list;
    const known = store.numbers;
    if (isOlder(list, known)) {
      const refused = `term ${term}, generation ${generation} is older than ${known.term}, ${known.generation}`;
      return { refused };
    }
    this.#named = new Set(list.leases.map(({ leaseId }) => leaseId));
    const changes = changesBy(list.leases, this.#leases, this.nowMs);
    const isNewer = term !== known.term || generation !== known.generation;
    if (isNewer || changes.saved.length > 0 || changes.forgotten.length > 0)
      store.write(this.nowMs, { ...changes, numbers: { term, generation } });
    for (const { leaseId } of changes.forgotten) this.#leases.delete(leaseId);
    for (const lease of changes.saved) {
      this.#leases.set(lease.leaseId, lease);
      if (lease.state === "released") this.#letGo(lease, binder);
    }
    return { refused: null };
  }

  /** There is no relay any more, and so no port of ours. */
  unbound(): void {
    this.#bound.clear();
  }

  /** A new relay has nothing bound. */
  rebind(): void {
    this.#bound.clear();
    this.#retries.clear();
    this.wake();
  }

  /** Everything that the book calls held is bound. Until then, as after a restart, the book is not what is. */
  get isCaughtUp(): boolean {
    return [...this.#leases.values()].every(
      ({ leaseId, state }) => state !== "held" || this.#bound.has(leaseId),
    );
  }

  noteActivity(activity: readonly LeaseActivity[]): void {
    const { clock, onMessage } = this.#options;
    for (const use of activity) {
      const lease = this.#leases.get(use.leaseId);
      if (lease === undefined || lease.state === "released") continue;
      this.#leases.set(lease.leaseId, accessed(lease, { ...use, nowMs: this.nowMs, wallMs: clock.wallMs() }));
      this.#accessed.add(lease.leaseId);
    }
    if (activity.length > 0) onMessage();
  }

  /** To be called about every second: lets idle leases go, tries again, writes down what was accessed. */
  tick(): void {
    try {
      this.#releaseIdle();
      if (this.#options.clock.monotonicMs() - this.#writtenMs >= WRITE_EVERY_MS) this.writeDown();
    } catch (error) {
      if (!(error instanceof LeaseStoreError)) throw error;
      this.#options.log.error({ error }, "the leases could not be written; tried again");
    }
    this.wake();
  }

  /** Last accesses and the observed clock. @throws LeaseStoreError */
  writeDown(): void {
    const { store, clock } = this.#options;
    this.#writtenMs = clock.monotonicMs();
    const saved = [...this.#accessed].flatMap((leaseId) => this.#leases.get(leaseId) ?? []);
    store.write(this.nowMs, { saved });
    this.#accessed.clear();
  }

  /** Binds what is due; resolves when nothing more is due now. */
  wake(): void {
    this.#isAgain = true;
    this.#settling ??= this.#settle().finally(() => (this.#settling = null));
  }

  async settled(): Promise<void> {
    while (this.#settling !== null) await this.#settling;
  }

  async #settle(): Promise<void> {
    while (this.#isAgain) {
      this.#isAgain = false;
      const due = [...this.#leases.values()].filter((lease) => this.#isDue(lease));
      if (due.length === 0) return;
      for (const { leaseId } of due) await this.#bindOrLater(leaseId);
      this.#options.onMessage();
    }
  }

  #isDue({ leaseId, state }: LeaseRecord): boolean {
    if (state === "released" || this.#bound.has(leaseId)) return false;
    return (
      (this.#retries.get(leaseId)?.dueMs ?? Number.NEGATIVE_INFINITY) <= this.#options.clock.monotonicMs()
    );
  }

  async #bindOrLater(leaseId: LeaseId): Promise<void> {
    try {
      if (await this.#bind(leaseId)) {
        this.#retries.delete(leaseId);
        return;
      }
    } catch (error) {
      if (!(error instanceof LeaseStoreError)) throw error;
      this.#options.log.error({ error, leaseId }, `lease ${leaseId} could not be written; tried again`);
    }
    const failures = (this.#retries.get(leaseId)?.failures ?? 0) + 1;
    const dueMs = this.#options.clock.monotonicMs() + bindAgainAfterMs(failures);
    this.#retries.set(leaseId, { failures, dueMs });
  }

  /** False: to be tried again later. */
  async #bind(leaseId: LeaseId): Promise<boolean> {
    const { binder, log } = this.#options;
    const strangers = new Set<number>();
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const lease = this.#withNumber(leaseId, strangers);
      if (lease?.externalPort === null || lease === null) return lease === null;
      const port = lease.externalPort;
      const outcome = await binder.listen(lease, port);
      if (outcome === null) return false;
      const now = this.#leases.get(leaseId);
      if (now === undefined || now.state === "released") {
        if (outcome.kind === "bound") binder.close(leaseId);
        return true;
      }
      const next = this.#save(afterBind(now, outcome, this.nowMs));
      if (outcome.kind === "bound") {
        this.#bound.add(leaseId);
        log.info({ leaseId, port }, `lease ${leaseId} holds port ${port}`);
        return true;
      }
      if (outcome.kind === "failed" || next.wasHeld) {
        if (next.detail !== now.detail) log.warn({ leaseId, port }, `lease ${leaseId}: ${next.detail}`);
        return false;
      }
      strangers.add(port);
    }
    this.#exhaust(leaseId, strangers.size);
    return false;
  }

  /** With the number to try, which is written down; without one where there is none; null for one that is over. */
  #withNumber(leaseId: LeaseId, strangers: ReadonlySet<number>): LeaseRecord | null {
    const { range, chance } = this.#options;
    const lease = this.#leases.get(leaseId);
    if (lease === undefined || lease.state === "released") return null;
    if (lease.externalPort !== null) return lease;
    const use = portUse(this.#leases.values(), this.nowMs);
    const startAt = randomStart(range, chance());
    const port = use.held.size >= MAX_LEASES_OF_HOST ? null : choosePort(range, use, { strangers, startAt });
    return port === null ? this.#exhaust(leaseId, strangers.size) : this.#save(withNumber(lease, port));
  }

  #exhaust(leaseId: LeaseId, strangers: number): LeaseRecord | null {
    const { range, log } = this.#options;
    const lease = this.#leases.get(leaseId);
    if (lease === undefined || lease.state === "released") return null;
    const use = portUse(this.#leases.values(), this.nowMs);
    const next = exhausted(
      lease,
      use.held.size >= MAX_LEASES_OF_HOST ? PORTS_AT_MOST : exhaustedReason(range, use, strangers),
    );
    if (lease.state !== "exhausted") log.warn({ leaseId }, `lease ${leaseId}: ${next.detail}`);
    return lease.state === "exhausted" && lease.detail === next.detail ? lease : this.#save(next);
  }

  #releaseIdle(): void {
    const { store, binder, onMessage, log } = this.#options;
    const idle = [...this.#leases.values()].filter((lease) => isIdle(lease, this.nowMs));
    if (idle.length === 0) return;
    const saved = idle.map((lease) => released(lease, "idle", this.nowMs));
    store.write(this.nowMs, { saved });
    for (const lease of saved) {
      this.#leases.set(lease.leaseId, lease);
      this.#letGo(lease, binder);
      log.info({ leaseId: lease.leaseId }, `lease ${lease.leaseId} is released: ${lease.detail}`);
    }
    onMessage();
  }

  #letGo({ leaseId }: LeaseRecord, binder: Binder): void {
    this.#bound.delete(leaseId);
    this.#retries.delete(leaseId);
    this.#accessed.delete(leaseId);
    binder.close(leaseId);
    // Somebody may wait for a number.
    for (const [waiting, retry] of this.#retries) this.#retries.set(waiting, { ...retry, dueMs: 0 });
  }

  /** On the disk when it returns. @throws LeaseStoreError */
  #save(lease: LeaseRecord): LeaseRecord {
    if (lease !== this.#leases.get(lease.leaseId)) {
      this.#options.store.write(this.nowMs, { saved: [lease] });
      this.#leases.set(lease.leaseId, lease);
    }
    return lease;
  }
}
