/**
 * Watches whether containers may still use the cards that they were created with: each is asked for once a minute, one
 * after another, and sooner in its first minute and where it was refused. core/reconcile and core/metering decide; the
 * cards hear of it here, since a card that a container is refused takes nothing new.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import type { GpuUuid, InstanceId, RunId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { cardNodes, type CardNode } from "../../../core/container/card-nodes.ts";
import { isSameRun, type OwnedContainer } from "../../../core/container/container.ts";
import {
  accessAnswer,
  afterAnswer,
  isProbeDue,
  isRefused,
  newAccess,
  refusedGpus,
  type DeviceAccess,
  type NodeErrors,
} from "../../../core/container/device-access.ts";
import type { MonotonicTime } from "../../../core/runs/run-record.ts";
import { ownedContainers, type Knowledge } from "../../../core/runs/run-view.ts";
import type { GpuFacts } from "../../../runtime/runtime.ts";
import type { CardHealth } from "./card-health.ts";

/** Containers are asked for once a minute: so long no question has an answer before people are told. */
const UNANSWERED_MS = 5 * MS_PER_MINUTE;

export type DeviceAccessWatchParts = {
  /** Null where nothing is known. */
  errorsOf: (
    container: { containerId: string; pid: number },
    nodes: readonly CardNode[],
  ) => Promise<readonly NodeErrors[] | null>;
  gpuFacts: () => Pick<GpuFacts, "devices" | "nodes">;
  health: Pick<CardHealth, "heedRefusals" | "refusedToContainers">;
  monotonicMs: () => number;
  wake: () => void;
  log: Log;
};

/** One life of a run's container. */
type Entry = {
  instanceId: InstanceId;
  containerId: string;
  startedAt: string;
  pid: number;
  gpus: readonly GpuUuid[];
  nodes: readonly CardNode[];
  access: DeviceAccess;
};

export class DeviceAccessWatch {
  readonly #parts: DeviceAccessWatchParts;
  readonly #entries = new Map<RunId, Entry>();
  /** Who was refused which card, for as long as that alone closes it. */
  readonly #refusedTo = new Map<GpuUuid, Set<InstanceId>>();
  #probing: Promise<void> | null = null;
  /** Since when nobody could be asked; null while somebody can be, or nobody is to be. */
  #unanswered: { sinceMs: number; isReported: boolean } | null = null;
  #isClosing = false;

  constructor(parts: DeviceAccessWatchParts) {
    this.#parts = parts;
  }

  /** Of each run with cards whose container runs and can be asked for. */
  get access(): ReadonlyMap<RunId, DeviceAccess> {
    return new Map([...this.#entries].map(([runId, { access }]) => [runId, access]));
  }

  accessOf(runId: RunId): DeviceAccess | null {
    return this.#entries.get(runId)?.access ?? null;
  }

  /** Cards that nothing else closes, with the instances whose containers were refused them. */
  get refusedGpus(): ReadonlyMap<GpuUuid, ReadonlySet<InstanceId>> {
    const closed = this.#parts.health.refusedToContainers;
    for (const uuid of this.#refusedTo.keys()) if (!closed.has(uuid)) this.#refusedTo.delete(uuid);
    return this.#refusedTo;
  }

  /** To be called with what each round sees, before it decides. Nobody waits for what is begun here. */
  check(knowledge: Pick<Knowledge, "hostId" | "observed" | "runs">, { ms: nowMs }: MonotonicTime): void {
    const current = new Set<RunId>();
    for (const { instanceId, refusal } of knowledge.runs)
      for (const uuid of refusal?.gpus ?? []) this.#noteRefusedTo(uuid, instanceId);
    for (const container of ownedContainers(knowledge)) {
      const record = knowledge.runs.find((one) => isSameRun(one, container.owner));
      if (record === undefined || record.stop !== null || record.end !== null) continue;
      if (this.#keep(container, nowMs)) current.add(container.owner.runId);
    }
    for (const runId of this.#entries.keys()) if (!current.has(runId)) this.#entries.delete(runId);
    if (current.size === 0) this.#unanswered = null;
    if (this.#probing !== null || this.#isClosing || !this.#hasDue(nowMs)) return;
    this.#probing = this.#probeDue().finally(() => (this.#probing = null));
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#probing;
  }

  /** Returns false for a container that cannot be asked for. */
  #keep(container: OwnedContainer, nowMs: number): boolean {
    const { containerId, owner, status } = container;
    if (status.state !== "running" || owner.gpus.length === 0) return false;
    const nodes = cardNodes(container, this.#parts.gpuFacts());
    if (nodes.length === 0) return false;
    const { pid, startedAt } = status;
    const known = this.#entries.get(owner.runId);
    const isKnown = known?.containerId === containerId && known.startedAt === startedAt;
    const access = isKnown ? known.access : newAccess(nowMs);
    const gpus = owner.gpus.map(({ uuid }) => uuid);
    const { instanceId } = owner;
    this.#entries.set(owner.runId, { instanceId, containerId, startedAt, pid, gpus, nodes, access });
    return true;
  }

  #hasDue(nowMs: number): boolean {
    return [...this.#entries.values()].some(({ access }) => isProbeDue(access, nowMs));
  }

  async #probeDue(): Promise<void> {
    for (const runId of this.#entries.keys()) {
      const entry = this.#entries.get(runId);
      if (this.#isClosing) return;
      if (entry !== undefined && isProbeDue(entry.access, this.#parts.monotonicMs()))
        await this.#probe(runId, entry);
    }
  }

  /** A probe that fails is one that came to nothing; the next is tried at its time. */
  async #probe(runId: RunId, requested: Entry): Promise<void> {
    const atMs = this.#parts.monotonicMs();
    const errors = await this.#parts.errorsOf(requested, requested.nodes).catch((error: unknown) => {
      this.#parts.log.warn({ runId, error }, "GPU access of a container could not be checked");
      return null;
    });
    this.#noteAnswer(errors !== null, atMs);
    const entry = this.#entries.get(runId);
    // Its container has ended meanwhile, or lives anew.
    if (entry?.containerId !== requested.containerId || entry.startedAt !== requested.startedAt) return;
    const before = entry.access;
    entry.access = afterAnswer(before, accessAnswer(requested.nodes, errors), atMs);
    const isFirstPass = before.passedMs === null && entry.access.passedMs !== null;
    if (entry.access.refusals === before.refusals && !isFirstPass) return;
    if (entry.access.refusals > 0 && !isRefused(before)) this.#report(runId, entry.access);
    await this.#heed(entry);
    this.#parts.wake();
  }

  #noteAnswer(isAnswered: boolean, atMs: number): void {
    this.#unanswered = isAnswered ? null : (this.#unanswered ?? { sinceMs: atMs, isReported: false });
    const { sinceMs, isReported } = this.#unanswered ?? { sinceMs: atMs, isReported: true };
    if (isReported || atMs - sinceMs < UNANSWERED_MS) return;
    this.#unanswered = { sinceMs, isReported: true };
    this.#parts.log.warn(
      { minutes: (atMs - sinceMs) / MS_PER_MINUTE },
      "GPU access of no container could be checked for minutes",
    );
  }

  #report(runId: RunId, { refusals, refusedNodes }: DeviceAccess): void {
    const nodes = refusedNodes.map(({ node }) => node);
    this.#parts.log.warn(
      { runId, refusals, nodes },
      "the device rules of the host keep a container from its GPUs",
    );
  }

  async #heed({ instanceId, access }: Entry): Promise<void> {
    if (isRefused(access)) for (const uuid of refusedGpus(access)) this.#noteRefusedTo(uuid, instanceId);
    await this.#parts.health.heedRefusals(this.#judgement(), this.#parts.monotonicMs());
  }

  #noteRefusedTo(uuid: GpuUuid, instanceId: InstanceId): void {
    this.#refusedTo.set(uuid, (this.#refusedTo.get(uuid) ?? new Set()).add(instanceId));
  }

  /** Of all cards that are held by somebody who was asked for; a card has passed when each of its holders has. */
  #judgement(): { refused: Map<GpuUuid, HostReason>; passed: Set<GpuUuid> } {
    const entries = [...this.#entries.values()];
    const refused = new Map<GpuUuid, HostReason>();
    for (const { access } of entries.filter(({ access: known }) => isRefused(known)))
      for (const uuid of refusedGpus(access)) refused.set(uuid, REFUSED);
    const open = new Set(
      entries
        .filter(({ access }) => access.passedMs === null || access.refusals > 0)
        .flatMap(({ gpus }) => gpus),
    );
    const passed = entries.flatMap(({ gpus }) => gpus).filter((uuid) => !open.has(uuid));
    return { refused, passed: new Set(passed) };
  }
}

const REFUSED: HostReason = { code: "gpu-refused-to-container", params: {} };
