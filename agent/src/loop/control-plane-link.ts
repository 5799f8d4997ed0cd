/**
 * The agent's side of the conversation: heartbeats, pulls, reports and journal batches, each at most one at a time
 * and none of them waited for by the loop. What comes back is written to the journal; the loop reads it there.
 */
import type { HostId } from "@remotegpu/shared/ids";
import type { Log } from "@remotegpu/shared/log";
import { HEARTBEAT_MS, PROTOCOL, type Heartbeat } from "@remotegpu/shared/protocol";
import type { GpuVitals } from "@remotegpu/shared/protocol";
import type { Outbox } from "../journal/outbox.ts";
import type { Journal } from "../journal/journal.ts";
import { LinkDownError, type HostConnection } from "../link/connection.ts";
import { ControlPlaneClient, RequestRefusedError, type ObservedState } from "../link/control-plane-client.ts";
import { publishBatch } from "../link/journal-publisher.ts";
import type { Clock } from "./moment.ts";

const HEARTBEAT_JITTER_MS = 1_000;
const BATCHES_AT_ONCE = 4;
const REST_AFTER_FAILURE_MS = 1_000;

type Word = "heartbeat" | "pull" | "report" | "publish";

export type LinkOptions = {
  hostId: HostId;
  connection: HostConnection;
  journal: Journal;
  outbox: Outbox;
  clock: Clock;
  version: string;
  wake: () => void;
  log: Log;
};

/** What the loop knows at this moment and a heartbeat carries. */
export type Vitals = { observed: ObservedState; gpus: GpuVitals[]; degraded: string[] };

export class ControlPlaneLink {
  readonly #options: LinkOptions;
  readonly #client: ControlPlaneClient;
  readonly #busy = new Set<Word>();
  readonly #restsUntilMs = new Map<Word, number>();
  #nextHeartbeatMs = Number.NEGATIVE_INFINITY;
  #lastAcceptedMs: number | null = null;
  #lastRoundTripMs: number | null = null;
  #isPullWanted = true;
  #reportedDigest: string | null = null;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#client = new ControlPlaneClient(options.connection, options.hostId);
  }

  /** Since the last accepted heartbeat; null when there was none since the agent started. */
  disconnectedMs(nowMs: number): number | null {
    return this.#lastAcceptedMs === null ? null : nowMs - this.#lastAcceptedMs;
  }

  nudged(): void {
    this.#isPullWanted = true;
  }

  /** A fresh connection: everything is said again at once. */
  connected(): void {
    this.#isPullWanted = true;
    this.#nextHeartbeatMs = Number.NEGATIVE_INFINITY;
    this.#restsUntilMs.clear();
  }

  /** Begins whatever is due; resolves at once. */
  converse(vitals: Vitals): void {
    const { connection, clock } = this.#options;
    if (!connection.isConnected) return;
    const nowMs = clock.monotonicMs();
    if (nowMs >= this.#nextHeartbeatMs) this.#begin("heartbeat", () => this.#beat(vitals));
    // A host that was never seen, or whose report differs, is asked to report first.
    if (this.#isPullWanted && this.#reportedDigest !== null) this.#begin("pull", () => this.#pull());
    if (vitals.observed.digest !== this.#reportedDigest)
      this.#begin("report", () => this.#report(vitals.observed));
    this.#begin("publish", () => this.#publish());
  }

  async #beat({ observed, gpus, degraded }: Vitals): Promise<void> {
    const { journal, clock, version } = this.#options;
    this.#nextHeartbeatMs =
      clock.monotonicMs() + HEARTBEAT_MS + (Math.random() - 0.5) * 2 * HEARTBEAT_JITTER_MS;
    const head = journal.head();
    const heartbeat: Heartbeat = {
      kind: "heartbeat",
      version,
      protocol: PROTOCOL,
      bootId: clock.bootId,
      agentEpoch: head.agentEpoch,
      monotonicMs: clock.monotonicMs(),
      lastRoundTripMs: this.#lastRoundTripMs,
      applied: head.applied,
      journal: {
        id: head.journalId,
        headSeq: head.headSeq,
        headHash: head.headHash,
        watermarkSeen: head.watermarkSeen,
        dbIncarnationSeen: journal.rows.chain().dbIncarnation,
      },
      observedDigest: observed.digest,
      degraded,
      gpus,
    };
    const { reply, roundTripMs } = await this.#client.heartbeat(heartbeat);
    this.#lastRoundTripMs = roundTripMs;
    this.#lastAcceptedMs = clock.monotonicMs();
    const { watermark, dbIncarnation } = reply;
    journal.confirm({ journalId: head.journalId, watermark, dbIncarnation });
    const { term, generation } = journal.head().applied;
    if (reply.term !== term || reply.targetGeneration !== generation) this.#isPullWanted = true;
    if (reply.observedDigest !== observed.digest) this.#reportedDigest = null;
  }

  async #pull(): Promise<void> {
    this.#isPullWanted = false;
    try {
      const set = await this.#client.pull();
      const outcome = this.#options.journal.desired.replace(set);
      if (!outcome.applied)
        this.#options.log.warn(
          { term: set.term, generation: set.generation, reason: outcome.reason },
          "a desired set older than the one in force was refused",
        );
    } catch (error) {
      this.#isPullWanted = true;
      throw error;
    }
  }

  async #report(observed: ObservedState): Promise<void> {
    await this.#client.reportObserved(observed);
    this.#reportedDigest = observed.digest;
  }

  async #publish(): Promise<void> {
    const { outbox, clock, connection, hostId, journal, log } = this.#options;
    const batches = outbox.nextBatches({ nowMs: clock.monotonicMs(), maxBatches: BATCHES_AT_ONCE });
    for (const batch of batches) {
      const { dbIncarnation } = journal.rows.chain();
      const handover = await publishBatch(connection, hostId, { batch, dbIncarnation });
      if (!handover.taken) {
        log.warn({ reason: handover.reason }, "the stream does not take this host's journal now");
        return;
      }
      outbox.sent(batch, clock.monotonicMs());
    }
    if (batches.length === BATCHES_AT_ONCE) this.#options.wake();
  }

  /** After a failure the word rests for a moment, so that a refusal cannot make the loop spin. */
  #begin(what: Word, work: () => Promise<void>): void {
    const { clock, log, wake } = this.#options;
    if (this.#busy.has(what) || clock.monotonicMs() < (this.#restsUntilMs.get(what) ?? 0)) return;
    this.#busy.add(what);
    void work()
      .then(
        () => {
          // Publishing changes nothing here; after the others there may be more to say or to do.
          if (what !== "publish") wake();
        },
        (error: unknown) => {
          if (!(error instanceof LinkDownError || error instanceof RequestRefusedError)) throw error;
          this.#restsUntilMs.set(what, clock.monotonicMs() + REST_AFTER_FAILURE_MS);
          log.warn({ error }, `${what}: no answer from the control plane; tried again`);
        },
      )
      .finally(() => this.#busy.delete(what));
  }
}
