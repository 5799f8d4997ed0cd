/**
 * A control plane that a test speaks for, behind a real NATS server and the product's own link: it serves the desired
 * set it is told, keeps what hosts say, and confirms every journal row that arrives.
 */
import type { NatsConnection } from "nats";
import type {
  DesiredFetch,
  ObservedPull,
  RegistryLoginQuestion,
  RegistryLoginReply,
} from "@remotegpu/shared/instance/image-fetch";
import { HostId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance, ObservedInstance } from "@remotegpu/shared/instance/instance";
import type { JournalBatch, JournalRow, UsageEntry } from "@remotegpu/shared/proof/journal-row";
import { ObservedReport, type Heartbeat, type HeartbeatReply } from "@remotegpu/shared/messages/protocol";
import type { DesiredLease } from "@remotegpu/shared/instance/lease";
import type { AccessReport, Cut, KeySet } from "@remotegpu/shared/instance/ssh-access";
import type {
  StorageFolder,
  StorageReply,
  StorageReport,
  StorageRequest,
} from "@remotegpu/shared/messages/storage-sampling";
import { hostOf, upOfAllHosts } from "@remotegpu/shared/messages/subjects";
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";
import { decode } from "@remotegpu/shared/messages/wire";
import { HostOrders } from "@remotegpu/control-plane/server/link/hosts/host-orders";
import { serveHosts } from "@remotegpu/control-plane/server/link/hosts/host-requests";
import { LogStreams } from "@remotegpu/control-plane/server/link/hosts/log-streams";
import { JournalConsumer } from "@remotegpu/control-plane/server/link/journal/journal-consumer";
import { ensureJournalStream } from "@remotegpu/control-plane/server/link/journal/journal-stream";
import type { WholeReport } from "@remotegpu/control-plane/server/link/hosts/report-assembly";
import { eventually } from "../eventually.ts";
import { startTestNats, type HostCredential, type TestNats } from "../engines/nats.ts";
import { aHeartbeatReply } from "../samples/protocol-samples.ts";
import { quietLog } from "../quiet-log.ts";

/** One host as the control plane knows it. */
export class ScriptedHost {
  readonly hostId: HostId;
  readonly heartbeats: Heartbeat[] = [];
  report: WholeReport | null = null;
  /** Each run that is over, as it was told so first. */
  readonly ends = new Map<string, ObservedInstance>();
  /** How often it asked for its desired set. */
  pulls = 0;
  /** Answers to heartbeats wait for it. */
  heartbeatAnswers: Promise<void> = Promise.resolve();
  term = 1;
  generation = 0;
  confirmedStops: number | null = null;
  desired: readonly DesiredInstance[] = [];
  fetches: DesiredFetch[] = [];
  keySets: KeySet[] = [];
  cuts: Cut[] = [];
  /** Undefined: nothing is said of leases. */
  leases: DesiredLease[] | undefined;
  /** As the last report has it that told any. */
  access: AccessReport | null = null;
  /** Of all reports: what one tells, the next may not. */
  readonly attempts: AccessReport["attempts"] = [];
  reports = 0;
  /** Answers its questions for credentials of registries. */
  login: (question: RegistryLoginQuestion) => RegistryLoginReply = () => ({ kind: "registry-login-none" });
  /** What it is to measure of its storage pool, again and again. */
  sampledFolders: StorageFolder[] = [];
  /** Its sums of storage, as they came. */
  readonly storageSums: StorageReport["sums"] = [];
  /** Of the last report that told any. */
  imagePulls: ObservedPull[] = [];
  /** How far its clock is ahead of the control plane's. */
  clockAheadMs = 0;
  /** Cards that an administrator puts back in service. */
  liftCordons: HeartbeatReply["liftCordons"] = [];
  readonly #nudge: () => void;
  readonly #journals = new Map<string, JournalRow[]>();

  constructor(hostId: HostId, nudge: () => void) {
    this.hostId = hostId;
    this.#nudge = nudge;
  }

  /** Answers its questions for what is to be measured, and keeps its reports. */
  sampled(request: StorageRequest): StorageReply {
    if (request.kind === "storage-report") {
      this.storageSums.push(...request.sums);
      return { kind: "storage-taken" };
    }
    const againInMs = MS_PER_HOUR;
    const folders = this.sampledFolders;
    return folders.length === 0
      ? { kind: "storage-rest", reason: "not in this test", againInMs }
      : { kind: "storage-order", hourMs: 0, folders, next: null, againInMs };
  }

  /** From now on this is the whole desired set; the host is nudged. */
  order(
    desired: readonly DesiredInstance[],
    { term = this.term, confirmsStops = false }: { term?: number; confirmsStops?: boolean } = {},
  ): void {
    this.desired = desired;
    this.term = term;
    this.generation += 1;
    if (confirmsStops) this.confirmedStops = this.generation;
    this.#nudge();
  }

  /** The highest seq that is decided; 0 for a journal that nothing came from. */
  watermark(journalId: string): number {
    return this.#journals.get(journalId)?.at(-1)?.seq ?? 0;
  }

  take({ journalId, rows }: JournalBatch): void {
    const after = this.watermark(journalId);
    const known = this.#journals.get(journalId) ?? [];
    this.#journals.set(journalId, [...known, ...rows.filter((row) => row.seq > after)]);
  }

  /** All usage rows of a run that arrived, in order. */
  usageOf(runId: string): UsageEntry[] {
    return [...this.#journals.values()]
      .flat()
      .flatMap(({ entry }) => (entry.kind === "usage" && entry.runId === runId ? [entry] : []));
  }

  takeReport(report: WholeReport): void {
    this.report = report;
    for (const instance of report.instances) {
      const isOver = instance.phase === "stopped" || instance.phase === "failed";
      if (isOver && !this.ends.has(instance.runId)) this.ends.set(instance.runId, instance);
    }
  }

  observed(runId: string): ObservedInstance | undefined {
    return this.report?.instances.find((instance) => instance.runId === runId);
  }

  /** Waits until the host reports this of a run, and returns what it reports. */
  async reported(
    runId: string,
    what: Partial<ObservedInstance>,
    { withinMs = 120_000 }: { withinMs?: number } = {},
  ): Promise<ObservedInstance> {
    let last: ObservedInstance | undefined;
    const isReported = () => {
      last = this.observed(runId);
      const reported = Object.entries(last ?? {});
      const isSo = Object.entries(what).every(([key, value]) =>
        reported.some(([k, v]) => k === key && v === value),
      );
      return isSo && last;
    };
    try {
      return await eventually(isReported, { withinMs });
    } catch (cause) {
      throw new Error(`${runId} is not ${JSON.stringify(what)} but ${JSON.stringify(last)}`, { cause });
    }
  }
}

export class ScriptedControlPlane {
  readonly orders: HostOrders;
  readonly logs: LogStreams;
  /** As the control plane itself is connected, to say what it never would. */
  readonly connection: NatsConnection;
  readonly #nats: TestNats;
  readonly #hosts = new Map<HostId, ScriptedHost>();
  readonly #close: () => Promise<void>;

  private constructor(
    nats: TestNats,
    connection: NatsConnection,
    { logs, close }: { logs: LogStreams; close: () => Promise<void> },
  ) {
    this.#nats = nats;
    this.connection = connection;
    this.orders = new HostOrders(connection);
    this.logs = logs;
    this.#close = close;
  }

  /** @param address of this machine by which hosts in other networks reach it */
  static async start({ address }: { address?: string } = {}): Promise<ScriptedControlPlane> {
    const nats = await startTestNats(address === undefined ? {} : { isTls: true, address });
    try {
      return await ScriptedControlPlane.#on(nats);
    } catch (error) {
      await nats.close();
      throw error;
    }
  }

  static async #on(nats: TestNats): Promise<ScriptedControlPlane> {
    const connection = await nats.connectControlPlane();
    await ensureJournalStream(connection);
    const known = (hostId: HostId) => self.#known(hostId);
    const served = await serveHosts(
      connection,
      {
        heartbeat: async (hostId, heartbeat) => {
          const host = known(hostId);
          host.heartbeats.push(heartbeat);
          await host.heartbeatAnswers;
          return aHeartbeatReply({
            term: host.term,
            targetGeneration: host.generation,
            watermark: host.watermark(heartbeat.journal.id),
            observedDigest: host.report?.digest ?? null,
            liftCordons: host.liftCordons,
            time: new Date(Date.now() - host.clockAheadMs).toISOString(),
          });
        },
        desiredSet: (hostId) => {
          known(hostId).pulls += 1;
          const { term, generation, confirmedStops, desired, fetches, keySets, leases, cuts } = known(hostId);
          return Promise.resolve({
            term,
            generation,
            confirmedStops,
            instances: [...desired],
            fetches,
            keySets,
            cuts,
            ...(leases !== undefined && { leases }),
          });
        },
        observed: (hostId, report) => {
          known(hostId).takeReport(report);
          return Promise.resolve(undefined);
        },
        login: (hostId, question) => Promise.resolve(known(hostId).login(question)),
        storage: (hostId, request) => Promise.resolve(known(hostId).sampled(request)),
      },
      quietLog,
    );
    const reports = connection.subscribe(upOfAllHosts("obs"), {
      callback: (_error, message) => {
        const hostId = HostId.safeParse(hostOf(message.subject)).data;
        const report = decode(ObservedReport, message.data);
        if (hostId === undefined || !report.ok) return;
        const host = known(hostId);
        host.reports += 1;
        host.imagePulls = report.message.pulls ?? host.imagePulls;
        host.access = report.message.access ?? host.access;
        host.attempts.push(...(report.message.access?.attempts ?? []));
      },
    });
    const consumer = new JournalConsumer(
      connection,
      {
        ingest: (hostId, batch) => Promise.resolve(known(hostId).take(batch)),
        malformed: (hostId, reason) => Promise.reject(new Error(`${hostId}: ${reason}`)),
      },
      { repair: () => ensureJournalStream(connection), log: quietLog },
    );
    consumer.start();
    const self = new ScriptedControlPlane(nats, connection, {
      logs: new LogStreams(connection),
      close: async () => {
        reports.unsubscribe();
        const ended = await Promise.allSettled([consumer.stop(), served.close()]);
        await nats.close();
        for (const one of ended) if (one.status === "rejected") throw one.reason;
      },
    });
    return self;
  }

  /** Makes the host known, with a credential for its agent. */
  async admit(hostId: HostId): Promise<{ host: ScriptedHost; credential: HostCredential }> {
    const host = this.#hosts.get(hostId) ?? new ScriptedHost(hostId, () => this.orders.nudge(hostId));
    this.#hosts.set(hostId, host);
    return { host, credential: await this.#nats.hostCredential(hostId) };
  }

  close(): Promise<void> {
    return this.#close();
  }

  #known(hostId: HostId): ScriptedHost {
    const host = this.#hosts.get(hostId);
    if (host === undefined) throw new Error(`nobody admitted ${hostId}`);
    return host;
  }
}
