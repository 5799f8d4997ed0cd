/**
 * The agent's side of the conversation: heartbeats, pulls, reports and journal batches, each at most one at a time
 * and none of them waited for by the loop. What comes back is written to the journal; the loop reads it there.
 */
import { type Feature, UPGRADE_FEATURE } from "@remotegpu/shared/instance/features";
import { agreedFeatures, agreedProtocol } from "@remotegpu/shared/messages/agreed-protocol";
import type { HostId, RunId } from "@remotegpu/shared/values/ids";
import type { InstanceFigures } from "@remotegpu/shared/instance/instance-figures";
import type { Log } from "@remotegpu/shared/log";
import {
  HEARTBEAT_MS,
  PROTOCOL,
  type Heartbeat,
  type HeartbeatReply,
} from "@remotegpu/shared/messages/protocol";
import type { GpuVitals } from "@remotegpu/shared/messages/protocol";
import type { NamedRelease, UpgradeReport } from "@remotegpu/shared/messages/upgrade-report";
import type { AccessReport } from "@remotegpu/shared/instance/ssh-access";
import type { ClockOffset } from "../core/gangs/findings.ts";
import { countedUpTo, heardAt, resumedContact, type Contact } from "../core/reconcile/contact.ts";
import type { Journal } from "../journal/journal.ts";
import { JournalError } from "../journal/database/journal-database.ts";
import type { Outbox } from "../journal/rows/outbox.ts";
import { LinkDownError, type HostConnection } from "../link/connection.ts";
import {
  ControlPlaneClient,
  RequestRefusedError,
  type ObservedStateReport,
} from "../link/control-plane-client.ts";
import { publishBatch } from "../link/journal-publisher.ts";
import { currentTrace, inTrace, newTrace } from "@remotegpu/shared/tracing/current-trace";
import type { TraceContext } from "@remotegpu/shared/tracing/trace-context";
import { WakingTrace } from "@remotegpu/shared/tracing/waking-trace";
import { momentOf, monotonic, type Clock } from "../host/moment.ts";

const HEARTBEAT_JITTER_MS = 1_000;
const BATCHES_AT_ONCE = 4;
const REST_AFTER_FAILURE_MS = 1_000;
/** A start is over in less, as a rule, and one report then says what would have taken three. */
const START_REPORT_AFTER_MS = 1_000;

/** The world's: no way there, an answer that refuses, or a disk too full for what came back. */
const FAILURES = [LinkDownError, RequestRefusedError, JournalError];

type Word = "heartbeat" | "pull" | "report" | "publish";

export type LinkOptions = {
  hostId: HostId;
  connection: HostConnection;
  journal: Journal;
  outbox: Outbox;
  clock: Clock;
  version: string;
  /** An administrator puts cards back in service. */
  liftCordons: (lifts: NonNullable<HeartbeatReply["liftCordons"]>) => Promise<void>;
  /** What this agent does beyond the protocol's first form. */
  features: readonly Feature[];
  /** Of running containers, for the heartbeat that is made now. */
  figures: () => InstanceFigures[];
  /** Of this host's release; null: it cannot upgrade itself. */
  upgrade: () => UpgradeReport | null;
  /** The control plane names the release that this host is to run. */
  onRelease: (release: NamedRelease) => Promise<void>;
  /** `cause`: what there is to do was ordered in this trace. */
  wake: (cause?: TraceContext | null) => void;
  log: Log;
};

/** What the loop knows at this moment and a heartbeat carries. */
export type Vitals = {
  observed: ObservedStateReport;
  gpus: GpuVitals[];
  degraded: string[];
  /** What is observed changes again as soon as a start is over. */
  isStarting: boolean;
};

export class ControlPlaneLink {
  readonly #options: LinkOptions;
  readonly #client: ControlPlaneClient;
  readonly #busy = new Map<Word, Promise<void>>();
  readonly #backoffUntilMs = new Map<Word, number>();
  /** Of the nudge that the next pull follows. */
  readonly #nudges = new WakingTrace();
  #nextHeartbeatMs = Number.NEGATIVE_INFINITY;
  #contact: Contact;
  #heartbeats = 0;
  #heardMs: number | null = null;
  #heardDegraded: readonly string[] = [];
  #lastRoundTripMs: number | null = null;
  #clockOffset: ClockOffset | null = null;
  /** What the control plane knows of what this agent does, by its last answer; null before the first. */
  #agreed: readonly Feature[] | null = null;
  #isOfOtherProtocol = false;
  /** What is wrong with the host or a card is told as soon as it changes. */
  #reportedTroubles = "";
  #isPullWanted = true;
  /** On this connection a heartbeat was accepted: before that a pull would be refused, and rest. */
  #isKnown = false;
  /** By the last heartbeat's answer the applied set is the newest there is. */
  #isSetCurrent = false;
  #reportedDigest: string | null = null;
  #reportedSessions: AccessReport | null = null;
  /** Runs whose end stood in a report that was taken; those of the latest report, and no others. */
  #reportedEnds: ReadonlySet<RunId> = new Set();
  /** Since when what is observed is not what was reported. */
  #differsSinceMs: number | null = null;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#client = new ControlPlaneClient(options.connection, options.hostId);
    this.#contact = resumedContact(options.journal.contact.read(), monotonic(momentOf(options.clock)));
  }

  /** When the control plane last accepted a heartbeat. */
  get contact(): Contact {
    return this.#contact;
  }

  /** How many heartbeats were answered since the agent's start. */
  get heartbeats(): number {
    return this.#heartbeats;
  }

  /** When the last of them was, on the boot clock; null before the first. */
  get heardMs(): number | null {
    return this.#heardMs;
  }

  /** What does not work here as it should, as the last heartbeat that was answered had it. */
  get heardDegraded(): readonly string[] {
    return this.#heardDegraded;
  }

  /** By the latest heartbeat's answer; null before the first. */
  get clockOffset(): ClockOffset | null {
    return this.#clockOffset;
  }

  /** A report with the run's end and all that is left of it has been taken. */
  hasReportedEnd(runId: RunId): boolean {
    return this.#reportedEnds.has(runId);
  }

  /** The book of access as the latest report that was taken has it; null: none was yet. */
  get reportedSessions(): AccessReport | null {
    return this.#reportedSessions;
  }

  /** The desired set in force is what the control plane wants now, as far as it was heard. */
  get isSetCurrent(): boolean {
    return this.#isSetCurrent && !this.#isPullWanted;
  }

  /** Writes down for how long it has been silent. @throws JournalError */
  keepContact(): void {
    const { journal, clock } = this.#options;
    journal.contact.put(countedUpTo(this.#contact, clock.monotonicMs()));
  }

  /** What is wanted has changed. It is pulled at once and not in the next round: somebody waits for it. */
  nudged(): void {
    this.#isPullWanted = true;
    this.#nudges.note(currentTrace());
    if (this.#options.connection.isConnected) this.#pullIfWanted();
  }

  /** A fresh connection: everything is said again at once. */
  connected(): void {
    this.#isPullWanted = true;
    this.#isKnown = false;
    this.#nextHeartbeatMs = Number.NEGATIVE_INFINITY;
    this.#backoffUntilMs.clear();
    this.#options.outbox.sendAgain();
  }

  /** Resolves when nothing is under way any more; to be asked once the loop has ended and the connection is closed. */
  async settled(): Promise<void> {
    await Promise.all(this.#busy.values());
  }

  /** Begins whatever is due; resolves at once. */
  converse(vitals: Vitals): void {
    const { connection, clock } = this.#options;
    if (!connection.isConnected) return;
    const nowMs = clock.monotonicMs();
    const isChange = troublesOf(vitals) !== this.#reportedTroubles;
    if (isChange || nowMs >= this.#nextHeartbeatMs) this.#begin("heartbeat", () => this.#beat(vitals));
    this.#pullIfWanted();
    if (this.#isReportDue(vitals, nowMs)) this.#begin("report", () => this.#report(vitals.observed));
    this.#begin("publish", () => this.#publish());
  }

  /** A host that was never seen, or whose report differs, is asked to report first. */
  #pullIfWanted(): void {
    if (this.#isPullWanted && this.#isKnown && this.#reportedDigest !== null)
      this.#begin(
        "pull",
        () => this.#pull(),
        () => this.#nudges.begin(),
      );
  }

  #isReportDue({ observed, isStarting }: Vitals, nowMs: number): boolean {
    if (observed.digest === this.#reportedDigest) {
      this.#differsSinceMs = null;
      return false;
    }
    this.#differsSinceMs ??= nowMs;
    const mayWait = isStarting && this.#reportedDigest !== null;
    return !mayWait || nowMs - this.#differsSinceMs >= START_REPORT_AFTER_MS;
  }

  async #beat(vitals: Vitals): Promise<void> {
    const { observed, gpus, degraded } = vitals;
    const { journal, clock, version } = this.#options;
    this.#nextHeartbeatMs =
      clock.monotonicMs() + HEARTBEAT_MS + (Math.random() - 0.5) * 2 * HEARTBEAT_JITTER_MS;
    const head = journal.head();
    const chain = journal.rows.chain();
    const figures = this.#options.figures();
    const upgrade = this.#agrees(UPGRADE_FEATURE) ? this.#options.upgrade() : null;
    const heartbeat: Heartbeat = {
      kind: "heartbeat",
      version,
      protocol: PROTOCOL,
      bootId: clock.bootId,
      agentEpoch: head.agentEpoch,
      monotonicMs: clock.monotonicMs(),
      lastRoundTripMs: this.#lastRoundTripMs,
      ...(this.#clockOffset !== null && { clockOffsetMs: Math.round(this.#clockOffset.aheadMs) }),
      applied: head.applied,
      journal: {
        id: head.journalId,
        headSeq: head.headSeq,
        headHash: head.headHash,
        watermarkSeen: head.watermarkSeen,
        baseSeq: chain.base.seq,
        dbIncarnationSeen: chain.dbIncarnation,
      },
      observedDigest: observed.digest,
      degraded,
      gpus,
      features: [...this.#options.features],
      ...(figures.length > 0 && { figures }),
      ...(upgrade !== null && { upgrade }),
    };
    const { reply, roundTripMs } = await this.#client.heartbeat(heartbeat);
    this.#lastRoundTripMs = roundTripMs;
    this.#agree(reply);
    const theirsMs = Date.parse(reply.time);
    this.#clockOffset = Number.isNaN(theirsMs)
      ? null
      : { aheadMs: clock.wallMs() - roundTripMs / 2 - theirsMs, roundTripMs };
    this.#isKnown = true;
    this.#reportedTroubles = troublesOf(vitals);
    this.#contact = heardAt(monotonic(momentOf(clock)));
    this.#heartbeats += 1;
    this.#heardMs = clock.monotonicMs();
    this.#heardDegraded = degraded;
    const { watermark, dbIncarnation } = reply;
    journal.confirm({ journalId: head.journalId, watermark, dbIncarnation });
    const { term, generation } = journal.head().applied;
    this.#isSetCurrent = reply.term === term && reply.targetGeneration === generation;
    if (!this.#isSetCurrent) this.#isPullWanted = true;
    if (reply.observedDigest !== observed.digest) this.#reportedDigest = null;
    if (reply.liftCordons !== undefined) await this.#options.liftCordons(reply.liftCordons);
    journal.contact.put(this.#contact);
    const { release } = reply;
    if (release && this.#agrees(UPGRADE_FEATURE)) void this.#options.onRelease(release);
  }

  /** Before the first answer all of it is taken for known: who does not know it ignores it. */
  #agrees(feature: Feature): boolean {
    return this.#agreed === null || this.#agreed.includes(feature);
  }

  #agree({ features = [], protocol }: HeartbeatReply): void {
    this.#agreed = agreedFeatures(this.#options.features, features);
    const isOther = protocol !== undefined && agreedProtocol(PROTOCOL, protocol) === null;
    if (isOther && !this.#isOfOtherProtocol)
      this.#options.log.warn(
        { protocol, own: PROTOCOL },
        "this control plane speaks another protocol: what runs here goes on, and nothing new comes",
      );
    this.#isOfOtherProtocol = isOther;
  }

  async #pull(): Promise<void> {
    this.#isPullWanted = false;
    try {
      const set = await this.#client.pull();
      const before = this.#options.journal.head().applied.generation;
      const outcome = this.#options.journal.desired.replace(set);
      // Only a heartbeat says what was applied, and removals are complete only once that is known: do not wait for it.
      const orders = [...set.instances, ...set.notUnderstood.map(({ order }) => order)];
      const hasRemovals = orders.some(({ want }) => want === "removed");
      if (outcome.applied && hasRemovals && set.generation !== before)
        this.#nextHeartbeatMs = Number.NEGATIVE_INFINITY;
      if (set.unreadable.length > 0)
        this.#options.log.error(
          { generation: set.generation, count: set.unreadable.length, why: set.unreadable[0] },
          "orders in this set name nobody that this agent understands; it goes on with all others",
        );
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

  async #report(observed: ObservedStateReport): Promise<void> {
    await this.#client.reportObserved(observed);
    this.#reportedDigest = observed.digest;
    this.#reportedSessions = observed.access ?? this.#reportedSessions;
    this.#differsSinceMs = null;
    const ended = observed.instances.filter(({ remains }) => remains !== undefined);
    this.#reportedEnds = new Set(ended.map(({ runId }) => runId));
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
  #begin(what: Word, work: () => Promise<void>, step: () => TraceContext = newTrace): void {
    const { clock } = this.#options;
    if (this.#busy.has(what) || clock.monotonicMs() < (this.#backoffUntilMs.get(what) ?? 0)) return;
    const word = inTrace(step(), () => this.#attempt(what, work)).finally(() => this.#busy.delete(what));
    this.#busy.set(what, word);
  }

  async #attempt(what: Word, work: () => Promise<void>): Promise<void> {
    const { clock, log, wake } = this.#options;
    try {
      await work();
    } catch (error) {
      if (!FAILURES.some((failure) => error instanceof failure)) throw error;
      this.#backoffUntilMs.set(what, clock.monotonicMs() + REST_AFTER_FAILURE_MS);
      log.warn({ error }, `${what}: not done; tried again`);
      return;
    }
    // Publishing changes nothing here; after the others there may be more to say or to do, and after a pull it is ordered.
    if (what !== "publish") wake(what === "pull" ? currentTrace() : null);
  }
}

/** None is the empty text, which is what a host has said before it said anything. */
function troublesOf({ degraded, gpus }: Vitals): string {
  return [
    ...degraded,
    ...gpus.flatMap(({ uuid, cordon }) => (cordon ? [`${uuid} ${cordon.sinceMs}`] : [])),
    ...gpus.flatMap(({ uuid, strangers = [] }) =>
      strangers.length > 0 ? [`${uuid} is not ours alone`] : [],
    ),
  ].join();
}
