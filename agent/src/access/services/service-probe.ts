/**
 * Looks whether somebody answers behind each lease that is held and leads into a running container, and at each service
 * that a container is to have: soon after the container is there and often until somebody was seen, rarely from then on,
 * and at once when a client came to nobody. A look is nobody's access. What is not held, or leads nowhere, is forgotten.
 */
import type { LeaseId, RunId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { exhaustionOf, memoryKillsOf, sessionsEndedOf } from "../../core/container/exhaustion.ts";
import {
  afterCheck,
  isSameAnswer,
  backoffMs,
  UNWATCHED,
  type Answer,
  type CheckResult,
  type Watch,
  type Watched,
} from "../../core/leases/answer.ts";
import type { LeaseRecord } from "../../core/leases/lease.ts";
import { readGroupTexts } from "../../host/processes/group-limits.ts";
import type { AccessMessage, ReachableInstance } from "../control/control-messages.ts";
import type { RelayHandlers } from "../relay-process/relay-handlers.ts";
import { checkService } from "./service-check.ts";

/** Each is a connection, or two small files. */
const MAX_CHECKS = 16;
const TURN_AGAIN_MS = 100;
/** A client that comes to nobody over and over makes no more looks than that. */
const SUSPECT_REST_MS = 1_000;

/** A lease, or a service of a run. */
type Key = LeaseId | ServiceKey;
type ServiceKey = `${RunId}/${string}`;
const keyOf = ({ runId }: ReachableInstance, name: string): ServiceKey => `${runId}/${name}`;

type Entry = {
  readonly watched: Watched;
  readonly instance: ReachableInstance;
  watch: Watch;
  /** What the kernel had ended for its memory when somebody answered last and had room, else when it was looked at first. */
  killsBefore: number | null;
  /** The same at the last look of all. */
  killsSeen: number | null;
  checkedMs: number;
  isChecking: boolean;
  timer: NodeJS.Timeout | undefined;
};

export class ServiceProbe {
  readonly #options: { monotonicMs: () => number; onMessage: () => void; log: Log };
  readonly #entries = new Map<Key, Entry>();
  #checks = 0;
  #isClosed = false;

  constructor(options: { monotonicMs: () => number; onMessage: () => void; log: Log }) {
    this.#options = options;
  }

  /** All leases, and all containers that may be dialled into; of one workload the latest placement's comes last. */
  follow(leases: readonly LeaseRecord[], instances: readonly ReachableInstance[]): void {
    if (this.#isClosed) return;
    const latest = new Map(instances.map((instance) => [instance.workloadId, instance]));
    const current = new Set<Key>();
    for (const { leaseId, workloadId, state, service, internalPort } of leases) {
      const instance = latest.get(workloadId);
      if (state !== "held" || instance === undefined) continue;
      current.add(leaseId);
      this.#keep(leaseId, { service, internalPort }, instance);
    }
    for (const instance of instances)
      for (const { name, service, internalPort } of instance.services ?? []) {
        current.add(keyOf(instance, name));
        this.#keep(keyOf(instance, name), { service, internalPort }, instance);
      }
    for (const key of this.#entries.keys()) if (!current.has(key)) this.#forget(key);
  }

  /** Of the services that these containers are to have, what was seen of each. */
  servicesOf(instances: readonly ReachableInstance[]): AccessMessage["services"] {
    return instances.flatMap((instance) =>
      (instance.services ?? []).flatMap(({ name }) => {
        const answer = this.#entries.get(keyOf(instance, name))?.watch.answer ?? null;
        return answer === null ? [] : [{ runId: instance.runId, name, ...answer }];
      }),
    );
  }

  /** Null while nobody has looked. */
  answerOf(leaseId: LeaseId): Answer | null {
    return this.#entries.get(leaseId)?.watch.answer ?? null;
  }

  /** A client came to nobody. */
  suspect(leaseId: LeaseId): void {
    const entry = this.#entries.get(leaseId);
    if (entry === undefined || entry.isChecking) return;
    const restedMs = this.#options.monotonicMs() - entry.checkedMs;
    this.#checkIn(leaseId, entry, Math.max(0, SUSPECT_REST_MS - restedMs));
  }

  /** What a relay tells: clients of SSH that went without having logged in, or were left by it, may have had no memory there. */
  hear({ sessions, attempts }: Parameters<RelayHandlers["onSessions"]>[0]): void {
    const doubted = new Set([
      ...attempts.flatMap(({ leaseId, outcome }) => (outcome === "no-login" ? leaseId : [])),
      ...sessions.flatMap(({ leaseId, ended }) => (ended?.by === "container" ? leaseId : [])),
    ]);
    for (const leaseId of doubted) void this.#doubt(leaseId);
  }

  /** Nothing is looked at any more, whatever is said later. */
  close(): void {
    this.#isClosed = true;
    for (const key of this.#entries.keys()) this.#forget(key);
  }

  /** Looks at once where the kernel has ended something since the last look. */
  async #doubt(leaseId: LeaseId): Promise<void> {
    const entry = this.#entries.get(leaseId);
    if (entry === undefined || entry.isChecking) return;
    try {
      const kills = memoryKillsOf(await readGroupTexts(entry.instance.pid));
      if (kills !== null && entry.killsSeen !== null && kills > entry.killsSeen) this.suspect(leaseId);
    } catch (error) {
      this.#options.log.warn({ leaseId, error }, "which limits a container has exhausted is unknown");
    }
  }

  /** Begins anew where it is of another process, or another port, than before. */
  #keep(key: Key, watched: Watched, instance: ReachableInstance): void {
    const known = this.#entries.get(key);
    const isKnown =
      known !== undefined &&
      isSame(known.instance, instance) &&
      known.watched.internalPort === watched.internalPort;
    if (isKnown) return;
    this.#forget(key);
    this.#begin(key, watched, instance);
  }

  #begin(key: Key, watched: Watched, instance: ReachableInstance): void {
    const entry: Entry = {
      watched,
      instance,
      watch: UNWATCHED,
      killsBefore: null,
      killsSeen: null,
      checkedMs: Number.NEGATIVE_INFINITY,
      isChecking: false,
      timer: undefined,
    };
    this.#entries.set(key, entry);
    this.#checkIn(key, entry, 0);
  }

  #forget(key: Key): void {
    clearTimeout(this.#entries.get(key)?.timer);
    this.#entries.delete(key);
  }

  #checkIn(key: Key, entry: Entry, afterMs: number): void {
    clearTimeout(entry.timer);
    entry.timer = setTimeout(() => void this.#check(key, entry), afterMs);
  }

  async #check(key: Key, entry: Entry): Promise<void> {
    if (this.#checks >= MAX_CHECKS) return this.#checkIn(key, entry, TURN_AGAIN_MS);
    this.#checks += 1;
    entry.isChecking = true;
    const before = entry.watch.answer;
    try {
      const seen = await checkService(entry.instance, entry.watched);
      const { check, exhaustion } = await this.#inItsRoom(entry, seen);
      entry.watch = afterCheck(entry.watch, check, { watched: entry.watched, exhaustion });
    } catch (error) {
      // Nothing is known then, and no lease ends for it.
      entry.watch = afterCheck(entry.watch, "unknown", { watched: entry.watched, exhaustion: null });
      this.#options.log.warn({ key, error }, "whether a container's service answers is unknown");
    } finally {
      this.#checks -= 1;
      entry.isChecking = false;
      entry.checkedMs = this.#options.monotonicMs();
    }
    if (this.#entries.get(key) !== entry) return;
    this.#checkIn(key, entry, backoffMs(entry.watch));
    if (!isSameAnswer(before, entry.watch.answer)) this.#options.onMessage();
  }

  /** What was seen together with what the container has used up; null: nothing that matters. */
  async #inItsRoom(
    entry: Entry,
    seen: CheckResult,
  ): Promise<{ check: CheckResult; exhaustion: HostReason | null }> {
    if (seen === "unknown") return { check: seen, exhaustion: null };
    const texts = await readGroupTexts(entry.instance.pid);
    entry.killsSeen = memoryKillsOf(texts);
    entry.killsBefore ??= entry.killsSeen;
    if (seen !== "answers") return { check: seen, exhaustion: exhaustionOf(texts, entry.killsBefore) };
    const ended = entry.watched.service === "ssh" ? sessionsEndedOf(texts, entry.killsBefore) : null;
    if (ended !== null) return { check: "cramped", exhaustion: ended };
    entry.killsBefore = entry.killsSeen;
    return { check: seen, exhaustion: null };
  }
}

function isSame(a: ReachableInstance, b: ReachableInstance): boolean {
  return a.pid === b.pid && a.startTicks === b.startTicks && a.instanceId === b.instanceId;
}
