/**
 * The one loop: wake → observe → decide → act → record → report. Everything that happens only wakes it; each round
 * reads the whole wanted state from the journal and the whole seen state from the runtime. Nothing slow is waited
 * for inside a round, so a hung runtime or a lost control plane never holds up metering or heartbeats.
 */
import { AssertionError } from "node:assert";
import { Buffer } from "node:buffer";
import type { GpuUuid, HostId, RunId } from "@remotegpu/shared/ids";
import type { MachineReport } from "@remotegpu/shared/host-report";
import type { Log } from "@remotegpu/shared/log";
import type { ExecReply, ExecRequest } from "@remotegpu/shared/protocol";
import type { MachineFacts } from "./host/machine-facts.ts";
import type { ServiceNotifier } from "./host/notify.ts";
import { DamagedJournalError } from "./journal/integrity.ts";
import type { Journal } from "./journal/journal.ts";
import type { Runtime } from "./runtime/runtime.ts";
import type { Action } from "./core/action.ts";
import {
  isRunning,
  isSamePlacement,
  isSameRun,
  type Container,
  type OwnedContainer,
  type RunKey,
} from "./core/container.ts";
import { cutOffMs } from "./core/contact.ts";
import { observedInstances } from "./core/lifecycle.ts";
import { ordersOfRemovedHost } from "./core/removed-host.ts";
import { reconcile, type Flags } from "./core/reconcile.ts";
import { ownedContainers, runNow, type Knowledge, type RunNow } from "./core/run-view.ts";
import type { HostObstacles } from "./core/start-obstacle.ts";
import { runsOverStorage } from "./core/storage-limit.ts";
import { EXTEND_EVERY_MS } from "./core/usage-interval.ts";
import type { GatewayIdentity } from "./access/relay/gateway-identity.ts";
import type { AccessLink, RunningContainer } from "./loop/access-link.ts";
import type { ControlPlaneLink } from "./loop/control-plane-link.ts";
import type { GpuWatch } from "./loop/gpu-watch.ts";
import type { ImageWatch } from "./loop/image-watch.ts";
import { takeMeteringTick, type Seen } from "./loop/metering-tick.ts";
import { momentOf, monotonic, type Clock } from "./loop/moment.ts";
import type { OutputKeeper } from "./loop/output-keeper.ts";
import type { OrphanWatch } from "./loop/orphan-watch.ts";
import { observedState, vitalsOf } from "./loop/report.ts";
import type { RunPerformer } from "./loop/run-performer.ts";
import type { Look, RuntimeWatch } from "./loop/runtime-watch.ts";
import type { StorageSampling } from "./loop/storage-sampling.ts";
import { TransitionWatch } from "./loop/transition-watch.ts";

/** While something is under way the loop looks this often; else it sleeps until woken or the next tick. */
const BUSY_ROUND_MS = 1_000;
const IDLE_ROUND_MS = 5_000;
const HOUSEKEEPING_EVERY_MS = 60_000;
/** How long a round waits for the list of containers, unless a metering tick is due before. */
const RUNTIME_PATIENCE_MS = 2_000;
const LEAST_PATIENCE_MS = 100;

/** A life began or ended: the tick that sees it is taken at once, before another life of the run can hide it. */
const METERED_AT_ONCE: ReadonlySet<Action["kind"]> = new Set(["adopt", "open-gate", "close-run", "restart"]);

export type AgentParts = {
  hostId: HostId;
  version: string;
  facts: MachineFacts;
  /** As the operator named it; null for a pool of the host's own. */
  storagePool: string | null;
  clock: Clock;
  journal: Journal;
  runtime: Runtime;
  runtimeWatch: RuntimeWatch;
  gpuWatch: GpuWatch;
  imageWatch: ImageWatch;
  orphanWatch: OrphanWatch;
  performer: RunPerformer;
  outputKeeper: OutputKeeper;
  storageSampling: Pick<StorageSampling, "lookWhenDue">;
  link: ControlPlaneLink;
  access: Pick<AccessLink, "exchange" | "leases" | "released" | "degraded" | "gatewayPort">;
  /** What the TLS port for gateways shows now; null without a certificate for it. */
  gatewayIdentity: () => GatewayIdentity | null;
  notifier: ServiceNotifier;
  log: Log;
};

export class Agent {
  readonly #parts: AgentParts;
  readonly #transitionWatch: TransitionWatch;
  #isWoken = false;
  #wakeUp: () => void = () => undefined;
  #isStopping = false;
  #loop: Promise<void> = Promise.resolve();
  #meteredMs = Number.NEGATIVE_INFINITY;
  #housekeepingMs = Number.NEGATIVE_INFINITY;
  /** Null until the runtime has told once. */
  #lastSeen: readonly Container[] | null = null;
  #overStorage: ReadonlyMap<RunId, string> = new Map();
  #isKeepingHouse = false;
  #holdsStops = false;
  #isReady = false;
  #hasLeftFleet = false;

  constructor(parts: AgentParts) {
    this.#parts = parts;
    this.#transitionWatch = new TransitionWatch(parts.log);
  }

  wake(): void {
    this.#isWoken = true;
    this.#wakeUp();
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** This host was taken out of the fleet: what it runs is stopped and removed. Told anew after a restart. */
  leaveFleet(): void {
    if (this.#hasLeftFleet) return;
    this.#hasLeftFleet = true;
    this.#parts.log.error({}, "this host has left the fleet; its containers are stopped and removed");
    this.wake();
  }

  /** Finishes what is under way and writes the last tick down; containers go on. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.wake();
    await this.#loop;
    await this.#parts.performer.settled();
    await this.#meter({ containers: null, wasUpSinceMs: null });
  }

  /** What the last round knew of a run, for those who read its output. */
  runNow(run: RunKey): RunNow {
    return runNow(this.#knowledge(this.#lastSeen ?? []), run);
  }

  /** A short command in a running instance, ordered by the control plane. */
  async exec(request: ExecRequest): Promise<ExecReply> {
    const { instanceId, argv, stdin, timeoutSeconds } = request;
    const [command, ...args] = argv;
    const container = ownedContainers({ hostId: this.#parts.hostId, observed: this.#lastSeen ?? [] }).find(
      ({ owner, status }) => owner.instanceId === instanceId && status.state === "running",
    );
    if (container === undefined || command === undefined)
      return { kind: "exec-refused", reason: "not-running", detail: "It does not run on this host now." };
    const result = await this.#parts.runtime.exec({
      containerId: container.containerId,
      argv: [command, ...args],
      stdin: stdin === null ? null : Buffer.from(stdin, "base64"),
      timeoutSeconds,
    });
    if (result.kind === "refused")
      return { kind: "exec-refused", reason: result.reason, detail: result.detail };
    return {
      kind: "exec-reply",
      exitCode: result.exitCode,
      stdout: result.stdout.toString("base64"),
      stderr: result.stderr.toString("base64"),
      truncated: result.truncated,
    };
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      this.#isWoken = false;
      await this.#round();
      if (!this.#isStopping && !this.#isWoken) await this.#sleep();
    }
  }

  /** One part of a round; should it fail, the others are done all the same and the next round tries it again. */
  async #attempt<T>(what: string, work: () => T | Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      // Our own bug, or a journal that cannot be trusted: starting anew mends what can be mended.
      if (error instanceof AssertionError || error instanceof DamagedJournalError) throw error;
      this.#parts.log.error({ error }, `${what} failed; the next round tries again`);
      return null;
    }
  }

  async #round(): Promise<void> {
    const { clock } = this.#parts;
    const startedMs = clock.monotonicMs();
    const look = await this.#attempt("looking at the containers", () => this.#look(startedMs));
    const seen = look?.seen ?? null;

    const hasChanged =
      look !== null && seen !== null && (await this.#attempt("acting", () => this.#act(seen, look.mark)));

    if (hasChanged === true || this.#untilTickMs() <= 0)
      await this.#attempt("metering", () =>
        this.#meter({ containers: seen, wasUpSinceMs: look?.wasUpSinceMs ?? null }),
      );
    if (seen !== null) await this.#attempt("confirming removals", () => this.#confirmGone(seen));
    await this.#attempt("housekeeping", () => this.#housekeep(startedMs));
    await this.#attempt("telling the access process", () => this.#exchangeLeases());
    await this.#attempt("reporting", () => this.#report());
    await this.#attempt("telling systemd", () => this.#tellSystemd());
    if (hasChanged === true) this.wake();
  }

  /** With little patience: a slow runtime holds up neither heartbeats nor the tick that is due next. */
  async #look(nowMs: number): Promise<Look> {
    const { runtimeWatch, gpuWatch, imageWatch, performer } = this.#parts;
    runtimeWatch.learnWhenDue(nowMs);
    void imageWatch.lookWhenDue(nowMs);
    const containers = this.#lastSeen === null ? null : this.#ownContainers();
    void gpuWatch.lookWhenDue({ nowMs, runtime: runtimeWatch.info, containers }, () => this.wake());
    // What was never seen is worth waiting for: taking over what runs begins with it.
    const patienceMs =
      this.#lastSeen === null
        ? RUNTIME_PATIENCE_MS
        : Math.max(LEAST_PATIENCE_MS, Math.min(RUNTIME_PATIENCE_MS, this.#untilTickMs()));
    const look = await runtimeWatch.containers(nowMs, { patienceMs, mark: performer.endedWorks });
    if (look.seen !== null) this.#lastSeen = look.seen;
    return look;
  }

  /** Returns whether something was done that is worth a metering tick at once. */
  #act(seen: readonly Container[], shownWorks: number): boolean {
    const { journal, performer, clock, orphanWatch, link } = this.#parts;
    performer.shown(shownWorks);
    const knowledge = this.#knowledge(seen);
    const now = monotonic(momentOf(clock));
    const set = journal.desired.read();
    const stopsUnconfirmed =
      set.stopsAreGuarded && (set.confirmedStops ?? -1) < set.generation && !this.#hasLeftFleet;
    const { contact, isSetCurrent } = link;
    // Before the first set there is nobody who could have asked for anything.
    if (set.term > 0)
      orphanWatch.look({ nowMs: now.ms, observed: seen, contact, isSetCurrent, stopsUnconfirmed });
    const actions = reconcile({ ...knowledge, flags: this.#flags(stopsUnconfirmed), now });

    this.#holdsStops = false;
    let hasChanged = false;
    for (const action of actions) {
      if (action.kind === "hold-stops") {
        this.#holdsStops = true;
        this.#parts.log.warn(action, "stops of most of this host wait until they are confirmed");
        continue;
      }
      const isDone = performer.perform(action, now);
      hasChanged ||= isDone && METERED_AT_ONCE.has(action.kind);
    }
    if (set.stopsAreGuarded && !this.#holdsStops && set.generation > 0) journal.desired.liftStopGuard();
    return hasChanged;
  }

  #flags(stopsUnconfirmed: boolean): Flags {
    const { gpuWatch, link, clock, orphanWatch } = this.#parts;
    return {
      ...this.#hostObstacles(),
      reapedOrphans: orphanWatch.reaped,
      lostGpus: gpuWatch.lost,
      overStorage: this.#overStorage,
      disconnectedMs: cutOffMs(link.contact, clock.monotonicMs()),
      stopsUnconfirmed,
    };
  }

  #hostObstacles(): HostObstacles {
    const { journal, link, gpuWatch } = this.#parts;
    return {
      startsRefused: journal.acceptsStarts ? null : "its journal's disk is full.",
      awaitsContact: !link.contact.wasHeardInBoot,
      closedGpus: gpuWatch.closed,
    };
  }

  #knowledge(observed: readonly Container[]): Knowledge {
    const { hostId, journal } = this.#parts;
    const { instances } = journal.desired.read();
    return {
      hostId,
      desired: this.#hasLeftFleet
        ? ordersOfRemovedHost(instances)
        : instances.filter((instance) => !instance.isAbsent),
      observed,
      runs: journal.runs.all(),
      knownEpochs: journal.runs.knownEpochs(),
    };
  }

  async #meter(seen: Seen): Promise<void> {
    const { journal, clock, gpuWatch } = this.#parts;
    const gpus = this.#gpusOfRuns();
    await takeMeteringTick(
      journal,
      seen,
      () => momentOf(clock),
      ({ runId }, nowMs) => {
        const held = gpus.get(runId) ?? [];
        return held.length === 0 ? undefined : gpuWatch.proofOf(held, nowMs);
      },
    );
    this.#meteredMs = clock.monotonicMs();
    await gpuWatch.follow(this.#ownContainers(), clock.wallMs());
  }

  #ownContainers(): OwnedContainer[] {
    return ownedContainers({ hostId: this.#parts.hostId, observed: this.#lastSeen ?? [] });
  }

  /** By the orders, and by the labels of containers that nobody orders any more. */
  #gpusOfRuns(): Map<RunId, GpuUuid[]> {
    const ordered = this.#parts.journal.desired
      .read()
      .instances.map(({ runId, spec }) => ({ runId, gpus: spec.gpus }));
    const labelled = this.#ownContainers().map(({ owner }) => owner);
    return new Map([...labelled, ...ordered].map(({ runId, gpus }) => [runId, gpus.map(({ uuid }) => uuid)]));
  }

  /** A removal that was ordered is done when neither a record nor a container of it is left. */
  #confirmGone(seen: readonly Container[]): void {
    const { journal, hostId } = this.#parts;
    const runs = journal.runs.all();
    const containers = ownedContainers({ hostId, observed: seen });
    for (const desired of journal.desired.read().instances) {
      if (desired.want !== "removed") continue;
      const isLeft =
        runs.some((run) => isSamePlacement(run, desired)) ||
        containers.some(({ owner }) => isSamePlacement(owner, desired));
      if (!isLeft) journal.desired.confirmGone(desired.instanceId, desired.placementEpoch);
    }
  }

  /** Tells the access process what is wanted; what it says of earlier orders is taken as it is. */
  #exchangeLeases(): void {
    const { journal, access } = this.#parts;
    const { desired } = journal;
    desired.leases.confirmReleased(access.released);
    const { term, generation } = journal.head().applied;
    access.exchange({
      term,
      generation,
      leases: desired.leases.all(),
      running: this.#runningContainers(),
      gateway: this.#parts.gatewayIdentity(),
    });
  }

  /** Of one workload the latest placement's comes last. */
  #runningContainers(): RunningContainer[] | null {
    if (this.#lastSeen === null) return null;
    const { instances } = this.#parts.journal.desired.read();
    return this.#ownContainers()
      .toSorted((a, b) => a.owner.placementEpoch - b.owner.placementEpoch)
      .flatMap(({ containerId, owner, status }) => {
        const desired = instances.find(({ instanceId }) => instanceId === owner.instanceId);
        return desired === undefined || status.state !== "running"
          ? []
          : [
              {
                workloadId: desired.spec.workloadId,
                instanceId: owner.instanceId,
                containerId,
                pid: status.pid,
              },
            ];
      });
  }

  #report(): void {
    const { journal, performer, clock, gpuWatch, orphanWatch, runtimeWatch, link, access } = this.#parts;
    const seen = runtimeWatch.isDown ? null : this.#lastSeen;
    const now = monotonic(momentOf(clock));
    const instances = this.#transitionWatch.look(
      observedInstances({
        ...this.#knowledge(seen ?? []),
        ...this.#hostObstacles(),
        observed: seen,
        waits: performer.waits,
        now,
      }),
      now.ms,
    );
    const observed = observedState(this.#machine(), gpuWatch.gpus, instances, access.leases);
    const degraded = [
      ...runtimeWatch.degraded,
      ...gpuWatch.degraded,
      ...orphanWatch.degraded,
      ...this.#transitionWatch.degraded,
      ...access.degraded,
      ...(journal.isShortOfSpace ? ["disk-full"] : []),
      ...(this.#holdsStops ? ["stops-held"] : []),
    ];
    const { isStarting } = performer;
    link.converse({ observed, gpus: vitalsOf(gpuWatch.gpus), degraded, isStarting });
    // Who was never heard is asked for nothing yet.
    if (link.contact.wasHeardInBoot) this.#parts.storageSampling.lookWhenDue(now.ms);
  }

  #machine(): MachineReport {
    const { facts, version, storagePool, hostId, runtimeWatch, gpuWatch, imageWatch } = this.#parts;
    const { info } = runtimeWatch;
    return {
      ...facts,
      agentVersion: version,
      storagePool: storagePool ?? hostId,
      gatewayPort: this.#parts.access.gatewayPort,
      attachMode: gpuWatch.facts.mode,
      runtime:
        info === null ? null : { name: info.name, version: info.version, liveRestore: info.liveRestore },
      images: imageWatch.names,
    };
  }

  /** Once a minute: time cut off written down; in the background firewall rules put back, storage measured. */
  #housekeep(nowMs: number): void {
    if (nowMs - this.#housekeepingMs < HOUSEKEEPING_EVERY_MS) return;
    this.#housekeepingMs = nowMs;
    const { runtime, link, orphanWatch, log } = this.#parts;
    link.keepContact();
    this.#parts.outputKeeper.pruneWhenDue(nowMs);
    orphanWatch.keep();
    // However slow the runtime is, one such round is under way at a time.
    if (this.#isKeepingHouse) return;
    this.#isKeepingHouse = true;
    void Promise.all([runtime.repairNetworks(), this.#measureStorage()])
      .catch((error: unknown) => {
        log.warn({ error }, "networks or storage could not be looked after; tried again in a minute");
      })
      .finally(() => (this.#isKeepingHouse = false));
  }

  async #measureStorage(): Promise<void> {
    const { journal, runtime, runtimeWatch, hostId } = this.#parts;
    const running = ownedContainers({ hostId, observed: this.#lastSeen ?? [] }).filter(isRunning);
    const uses = [];
    for (const desired of journal.desired.read().instances) {
      const container = running.find(({ owner }) => isSameRun(owner, desired));
      const { spec, runId } = desired;
      if (container === undefined || (spec.storageBytes === null && spec.tempStorageBytes === null)) continue;
      const measured = await runtime.storageUse(container.containerId, spec);
      const hasQuota = runtimeWatch.info?.hasLayerQuota ?? false;
      uses.push({ runId, limits: spec, ...measured, ...(hasQuota && { layerBytes: null }) });
    }
    this.#overStorage = runsOverStorage(uses);
    if (this.#overStorage.size > 0) this.wake();
  }

  #untilTickMs(): number {
    return this.#meteredMs + EXTEND_EVERY_MS - this.#parts.clock.monotonicMs();
  }

  async #tellSystemd(): Promise<void> {
    const { notifier, clock } = this.#parts;
    await notifier.alive(clock.monotonicMs());
    if (this.#isReady || this.#meteredMs === Number.NEGATIVE_INFINITY) return;
    this.#isReady = true;
    await notifier.ready("looking after this host");
  }

  async #sleep(): Promise<void> {
    const { performer } = this.#parts;
    const isUnderWay = performer.isBusy || this.#hasTransition();
    const untilTickMs = this.#untilTickMs();
    // A tick that is still due has failed just now; it is tried again, but not without a pause.
    const restMs = isUnderWay || untilTickMs <= 0 ? BUSY_ROUND_MS : IDLE_ROUND_MS;
    const sleepMs = untilTickMs <= 0 ? restMs : Math.min(restMs, untilTickMs);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, sleepMs);
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#isWoken) this.#wakeUp();
    });
    this.#wakeUp = () => undefined;
  }

  /** Something wanted does not run yet, or something runs that is to go. */
  #hasTransition(): boolean {
    const { desired, runs } = this.#knowledge(this.#lastSeen ?? []);
    const running = ownedContainers({ hostId: this.#parts.hostId, observed: this.#lastSeen ?? [] }).filter(
      isRunning,
    );
    return desired.some((wanted) => {
      const isUp = running.some(({ owner }) => isSameRun(owner, wanted));
      const hasEnded = runs.some((run) => isSameRun(run, wanted) && run.end !== null);
      return wanted.want === "running" ? !isUp && !hasEnded : isUp;
    });
  }
}
