/**
 * Asks each replica of this host whether it serves, for as long as its container runs and is to run: often until it does,
 * then by the interval of its order. It asks the container's processes themselves, so that a runtime which hangs or is
 * away is no replica's failure. What comes of the answers is decided by core/probes and core/reconcile.
 */
import type { RunId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import type { Probe } from "@remotegpu/shared/instance/probe";
import { isSameRun, type OwnedContainer } from "../../core/container/container.ts";
import { answerTo, type Reply } from "../../core/probes/probe-answer.ts";
import {
  backoffMs,
  stateAfter,
  stateAtFirst,
  unwellOf,
  type Probed,
  type ProbeState,
} from "../../core/probes/probe-state.ts";
import type { MonotonicTime, RunRecord } from "../../core/runs/run-record.ts";
import { ownedContainers, type Knowledge } from "../../core/runs/run-view.ts";
import type { ProcessInside } from "../../host/inside/dial.ts";

/** Each is a connection for two seconds at most. */
const MAX_AT_ONCE = 64;

export type ProbeWatchParts = {
  request: (
    inside: ProcessInside,
    probe: Pick<Probe, "path" | "port">,
    signal: AbortSignal,
  ) => Promise<Reply>;
  /** Null where it has ended. */
  processOfContainer: (containerId: string, pid: number) => Promise<ProcessInside | null>;
  wake: () => void;
  log: Log;
};

type Entry = {
  readonly runId: RunId;
  readonly containerId: string;
  /** The runtime's label of that life; null where it has lost sight of it. */
  readonly startedAt: string | null;
  readonly startedMs: number;
  pid: number;
  probe: Probe;
  state: ProbeState;
  timer: NodeJS.Timeout | undefined;
  isRequesting: boolean;
};

export class ProbeWatch {
  readonly #parts: ProbeWatchParts;
  readonly #closing = new AbortController();
  readonly #entries = new Map<RunId, Entry>();
  /** Whose turn it is, while as many are asked as may be. */
  readonly #waiting = new Set<Entry>();
  readonly #requesting = new Set<Promise<void>>();
  #nowMs = 0;

  constructor(parts: ProbeWatchParts) {
    this.#parts = parts;
  }

  /** Of each replica whose container runs. */
  get probed(): ReadonlyMap<RunId, Probed> {
    return new Map(
      [...this.#entries].map(([runId, { startedAt, startedMs, state, probe }]) => [
        runId,
        {
          startedAt,
          serving: state.serving,
          got: state.got,
          unwell: unwellOf(state, probe, this.#nowMs - startedMs),
        },
      ]),
    );
  }

  /** To be called with what each round sees, before it decides. Nobody waits for what is begun here. */
  check(knowledge: Pick<Knowledge, "hostId" | "observed" | "desired" | "runs">, now: MonotonicTime): void {
    this.#nowMs = now.ms;
    if (this.#closing.signal.aborted) return;
    const current = new Set<RunId>();
    for (const container of ownedContainers(knowledge)) {
      const order = knowledge.desired.find((one) => isSameRun(one, container.owner));
      const record = knowledge.runs.find((one) => isSameRun(one, container.owner));
      if (order?.want !== "running" || order.live.probe === undefined || record === undefined) continue;
      const pid = pidOf(container);
      const isToEnd = record.stop !== null || record.end !== null || record.unwell !== undefined;
      if (pid === null || isToEnd) continue;
      current.add(order.runId);
      this.#keep(container, { pid, probe: order.live.probe, record, now });
    }
    for (const [runId, entry] of this.#entries) if (!current.has(runId)) this.#forget(entry);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const entry of this.#entries.values()) this.#forget(entry);
    await Promise.all(this.#requesting);
  }

  #keep(
    { containerId, owner: { runId }, status }: OwnedContainer,
    { pid, probe, record, now }: { pid: number; probe: Probe; record: RunRecord; now: MonotonicTime },
  ): void {
    const known = this.#entries.get(runId);
    const startedAt = status.state === "running" ? status.startedAt : (known?.startedAt ?? null);
    const isKnown = known?.containerId === containerId && known.startedAt === startedAt;
    if (known !== undefined && isKnown) {
      known.pid = pid;
      if (!isSameProbe(known.probe, probe)) this.#change(known, probe);
      return;
    }
    if (known !== undefined) this.#forget(known);
    const { lastStart } = record;
    const entry: Entry = {
      runId,
      containerId,
      startedAt,
      startedMs: lastStart?.bootId === now.bootId ? lastStart.ms : now.ms,
      pid,
      probe,
      state: stateAtFirst(record, status),
      timer: undefined,
      isRequesting: false,
    };
    this.#entries.set(runId, entry);
    this.#requestIn(entry, 0);
  }

  /** Asked anew at once; what it answered to another question counts no more. */
  #change(entry: Entry, probe: Probe): void {
    entry.probe = probe;
    entry.state = { ...entry.state, passes: 0, failures: 0 };
    if (!entry.isRequesting) this.#requestIn(entry, 0);
  }

  #forget(entry: Entry): void {
    clearTimeout(entry.timer);
    this.#waiting.delete(entry);
    if (this.#entries.get(entry.runId) === entry) this.#entries.delete(entry.runId);
  }

  #requestIn(entry: Entry, afterMs: number): void {
    clearTimeout(entry.timer);
    entry.timer = setTimeout(() => this.#requestInTurn(entry), afterMs);
  }

  #requestInTurn(entry: Entry): void {
    if (this.#requesting.size >= MAX_AT_ONCE) return void this.#waiting.add(entry);
    const requested = this.#request(entry).finally(() => {
      this.#requesting.delete(requested);
      const [next] = this.#waiting;
      if (next === undefined) return;
      this.#waiting.delete(next);
      this.#requestInTurn(next);
    });
    this.#requesting.add(requested);
  }

  async #request(entry: Entry): Promise<void> {
    const { probe, state: before } = entry;
    entry.isRequesting = true;
    const reply = await this.#replyOf(entry);
    entry.isRequesting = false;
    // Its container has ended meanwhile, or is to.
    if (this.#entries.get(entry.runId) !== entry) return;
    if (entry.probe !== probe) return this.#requestIn(entry, 0);
    entry.state = stateAfter(before, answerTo(probe, reply), probe.thresholds);
    this.#requestIn(entry, backoffMs(entry.state, probe));
    const isChange = entry.state.serving !== before.serving;
    const isUnwell = unwellOf(entry.state, probe, this.#nowMs - entry.startedMs) !== null;
    if (isChange || isUnwell) this.#parts.wake();
  }

  async #replyOf({ runId, containerId, pid, probe }: Entry): Promise<Reply> {
    try {
      const inside = await this.#parts.processOfContainer(containerId, pid);
      if (inside === null) return { kind: "gone" };
      return await this.#parts.request(inside, probe, this.#closing.signal);
    } catch (error) {
      // Whatever went wrong here, no replica ends for it.
      this.#parts.log.warn({ runId, error }, "a replica could not be probed; retrying");
      return { kind: "unasked" };
    }
  }
}

function pidOf({ status }: OwnedContainer): number | null {
  if (status.state === "running") return status.pid;
  return status.state === "left-behind" ? status.pids[0] : null;
}

function isSameProbe(one: Probe, other: Probe): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
