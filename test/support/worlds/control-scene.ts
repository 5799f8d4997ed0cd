/**
 * The control plane without NATS and without containers: the real API, store and loops on a fresh database, and hosts
 * that a test speaks for. A host says what the test has it say, through the same handlers that NATS would call.
 */
import { createCustomerTopUp, getEnvironment } from "@remotegpu/control-plane/client/generated/api";
import type { Environment, NewEnvironment } from "@remotegpu/control-plane/client/generated/api.schemas";
import { noteConnection } from "@remotegpu/control-plane/server/store/hosts/host-addresses";
import { createHash, randomUUID } from "node:crypto";
import { idleStopPass } from "@remotegpu/control-plane/server/controllers/idle-stop";
import { GpuHistory } from "@remotegpu/control-plane/server/controllers/hosts/gpu-history";
import { hostSync } from "@remotegpu/control-plane/server/controllers/hosts/host-sync";
import { imageFetchesPass } from "@remotegpu/control-plane/server/controllers/hosts/image-fetches";
import { autoscalingPass } from "@remotegpu/control-plane/server/controllers/inference/autoscaling";
import { replicasPass } from "@remotegpu/control-plane/server/controllers/inference/replicas";
import { workloadsPass } from "@remotegpu/control-plane/server/controllers/workloads";
import { lifecyclePass } from "@remotegpu/control-plane/server/controllers/lifecycle";
import { passCache } from "@remotegpu/control-plane/server/store/placement/inputs/pass-inputs";
import {
  schedulePass,
  type SchedulingReport,
} from "@remotegpu/control-plane/server/controllers/scheduling/scheduling";
import type { HostHandlers } from "@remotegpu/control-plane/server/link/hosts/host-requests";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { setSetting } from "@remotegpu/control-plane/server/store/accounts/settings";
import type { KernelNote } from "@remotegpu/shared/instance/gpu-errors";
import type { GpuReport, MachineReport } from "@remotegpu/shared/messages/host-report";
import { BootId, GpuUuid, HostId, JournalId } from "@remotegpu/shared/values/ids";
import {
  type DesiredFetch,
  IMAGE_FETCH_FEATURE,
  type ObservedPull,
} from "@remotegpu/shared/instance/image-fetch";
import type { BareRun, DesiredInstance, ObservedInstance } from "@remotegpu/shared/instance/instance";
import { DesiredLease, LEASE_PORTS, type ObservedLease } from "@remotegpu/shared/instance/lease";
import { type ExecRequest, Heartbeat, type HeartbeatReply } from "@remotegpu/shared/messages/protocol";
import { type AccessReport, type Cut, KeySet, SSH_FEATURE } from "@remotegpu/shared/instance/ssh-access";
import { GIB } from "@remotegpu/shared/values/units";
import { type Answer, type ApiWorld, type Caller, openApi } from "../http/api.ts";
import { VERSION } from "@remotegpu/control-plane/server/release/version";
import type { FreshDatabase } from "../engines/postgres.ts";
import { quietLog } from "../quiet-log.ts";

export interface ControlScene {
  api: ApiWorld;
  handlers: HostHandlers;
  /** How often what hosts told has woken the loops. */
  wakes(): number;
  /** One pass of the scheduler, as the leader, or under a term that is over. */
  schedule(under?: { term: number }): Promise<SchedulingReport>;
  /** One pass over workloads whose status follows from reports. */
  workloads(): Promise<boolean>;
  /** One pass over the replicas of inference services. */
  replicas(): Promise<boolean>;
  /** One pass over services that scale by themselves; true where another number is wanted. */
  autoscaling(under?: { term: number }): Promise<boolean>;
  lifecycle(): Promise<void>;
  /** One pass over environments that stop for idleness. */
  idleStops(): Promise<void>;
  /** What hosts were asked to run inside by the passes, and do not answer. */
  execs: ExecRequest[];
  /** One pass over images on their way; true where the scheduler should look. */
  fetches(): Promise<boolean>;
  host(id: string, options?: HostOptions): Promise<ScriptedHost>;
  /** All that have joined. */
  hosts: readonly ScriptedHost[];
  /** A customer with money. */
  customer(name: string, balance?: string): Promise<Caller & { workspaceId: number; uuid: string }>;
  order(caller: Caller, change?: Partial<NewEnvironment>): Promise<Answer>;
  get(caller: Caller, id: string): Promise<Environment>;
  close(): Promise<void>;
}

export interface HostOptions {
  gpus?: number;
  cpu?: number;
  memoryGib?: number;
  pool?: string;
  gpuMemoryMib?: number;
  gpuUuids?: string[];
  /** It holds leases, and tells them; one that does not is like an agent of before. */
  leases?: boolean;
  /** What its agent can do; left out, what every kind of workload needs. */
  features?: string[];
  /** Its agent serves SSH. */
  ssh?: boolean;
  /** It tells what is open to replicas that drain. */
  drains?: boolean;
  /** It gives containers more than five minutes to stop. */
  longStops?: boolean;
  /** It follows fetches, and tells of its pulls. */
  fetches?: boolean;
}

/** Prices of 0.6 a core-hour and 6 a GPU-hour, so that sums are easy to see. */
const PRICES = [
  ["cpu", "0.6"],
  ["memory", "0"],
  ["gpu", "6"],
  ["gpu_memory", "0.5"],
  ["temp_storage", "0"],
] as const;

/** `database` as openApi takes it. */
export async function openControlScene(database?: FreshDatabase): Promise<ControlScene> {
  const api = await openApi({}, database);
  await setSetting(api.db, "DEFAULT_QUOTA_LEVEL", "professional");
  for (const [line, unit_price] of PRICES)
    await api.db.query(
      `INSERT INTO prices (spec, line, unit_price, billing_unit, effective_from) VALUES ('default', $1, $2, 'hour', '2020-01-01Z')`,
      [line, unit_price],
    );
  let wakes = 0;
  const history = new GpuHistory({ db: api.deps.db, now: api.deps.now });
  const handlers = hostSync({
    db: api.deps.db,
    now: api.deps.now,
    log: quietLog,
    passwords: api.deps.passwords,
    // A test may put in others.
    get envVars() {
      return api.deps.envVars;
    },
    hostKeys: api.deps.hostKeys,
    terminalKeys: api.terminalKeys,
    jupyterTokens: api.deps.jupyterTokens,
    rankKeys: api.rankKeys,
    history,
    wake: () => {
      wakes += 1;
    },
    nudge: (host) => void api.nudged.push(host),
  });
  const leaderPass = async () => {
    const term = await acquireLeadership(api.deps.db, { holder: "the test", now: api.deps.now() });
    if (term === null) throw new Error("somebody else leads");
    return { term, now: api.deps.now() };
  };
  const deps = {
    db: api.deps.db,
    newId: api.deps.newId,
    nudge: (host: HostId) => api.deps.link.nudge(host),
    cache: passCache(api.deps.db),
    log: quietLog,
  };
  const hosts: ScriptedHost[] = [];
  const execs: ExecRequest[] = [];
  const exec = async (_host: HostId, request: ExecRequest) => {
    execs.push(request);
    return await Promise.resolve(null);
  };
  return {
    api,
    handlers,
    execs,
    idleStops: async () => await idleStopPass({ ...deps, exec }, await leaderPass()),
    wakes: () => wakes,
    schedule: async (under) => await schedulePass(deps, { ...(await leaderPass()), ...under }),
    workloads: async () => await workloadsPass(deps, await leaderPass()),
    replicas: async () => await replicasPass(deps, await leaderPass()),
    autoscaling: async (under) => await autoscalingPass(deps, { ...(await leaderPass()), ...under }),
    lifecycle: async () => await lifecyclePass(deps, await leaderPass()),
    fetches: async () => await imageFetchesPass(deps, await leaderPass()),
    hosts,
    async host(id, options = {}) {
      const host = await ScriptedHost.join({ api, handlers }, id, options);
      hosts.push(host);
      return host;
    },
    async customer(name, balance = "1000") {
      const customer = await api.customer(name);
      if (balance !== "0")
        await api.send(createCustomerTopUp(customer.customerId, { amount: balance }), api.admin);
      return customer;
    },
    order: async (as, change = {}) =>
      await api.request("POST", "/api/v1/environments", {
        as,
        body: { name: "work", image: "busybox:1", cpu: 1, memory: GIB, gpu: 0, ...change },
      }),
    get: async (as, id) => await api.send(getEnvironment(id), as),
    close: async () => await api.close(),
  };
}

type HostReport = Partial<
  Omit<ObservedInstance, "instanceId" | "placementEpoch" | "runId" | "gateOpenedMs" | "bootId">
>;

const RUNS_ALL_KINDS = ["restarts-never", "image-entrypoint", "probes", "views", "gangs", "code", "launch"];

export class ScriptedHost {
  readonly id: HostId;
  readonly bootId = BootId.parse(randomUUID());
  readonly journalId = JournalId.parse(randomUUID());
  readonly #api: ApiWorld;
  readonly #handlers: HostHandlers;
  readonly machine: MachineReport;
  gpus: GpuReport[];
  desired: DesiredInstance[] = [];
  applied = { term: 0, generation: 0 };
  watermarkSeen = 0;
  desiredLeases: DesiredLease[] = [];
  /** What it tells of its leases, by their ids; a test may put in anything. */
  readonly leases = new Map<string, ObservedLease>();
  readonly #holdsLeases: boolean;
  /** Agents of before do not. */
  readonly #checksAnswers: boolean;
  desiredFetches: DesiredFetch[] = [];
  /** Whose keys its instances name. */
  desiredKeySets: KeySet[] = [];
  /** Sessions that it is to end. */
  desiredCuts: Cut[] = [];
  /** Who is in, as it tells; null: nothing. */
  access: AccessReport | null = null;
  /** What it tells of its pulls; null: nothing. */
  pulls: ObservedPull[] | null;
  /** What its kernel log said of GPUs that closes none; null: nothing is told. */
  kernelNotes: KernelNote[] | null = null;
  /** Runs that it has, told in words of a later agent. */
  notUnderstood: BareRun[] = [];
  readonly #features: string[] | undefined;
  #nextPort: number = LEASE_PORTS.first;
  #digest = "0".repeat(64);
  #lastText: object = {};

  constructor(scene: Pick<ControlScene, "api" | "handlers">, id: string, options: HostOptions) {
    this.id = HostId.parse(id);
    this.#api = scene.api;
    this.#handlers = scene.handlers;
    this.machine = machineOf(id, options);
    this.#holdsLeases = options.leases ?? false;
    this.#checksAnswers = options.ssh ?? false;
    this.pulls = options.fetches === true ? [] : null;
    this.#features = options.features ?? [
      ...RUNS_ALL_KINDS,
      ...(options.fetches === true ? [IMAGE_FETCH_FEATURE] : []),
      ...(options.ssh === true ? [SSH_FEATURE] : []),
      ...(options.drains === true ? ["drains"] : []),
      ...(options.longStops === true ? ["long-stops"] : []),
    ];
    const uuids =
      options.gpuUuids ?? Array.from({ length: options.gpus ?? 0 }, (_, n) => `GPU-${id}-00000${n}`);
    this.gpus = uuids.map((uuid, index) => gpuReport(uuid, index, options.gpuMemoryMib ?? 24_576));
  }

  /** Known to the fleet, heard, and reported: ready to be placed on. */
  static async join(
    scene: Pick<ControlScene, "api" | "handlers">,
    id: string,
    options: HostOptions,
  ): Promise<ScriptedHost> {
    const host = new ScriptedHost(scene, id, options);
    await scene.api.db.query(
      "INSERT INTO hosts (id, name, ip_address, seen_addresses, storage_pool) VALUES ($1, $1, '10.0.0.1', '{10.0.0.1}', $2)",
      [id, host.machine.storagePool],
    );
    await host.heartbeat();
    if (options.fetches === true)
      await scene.api.db.query("UPDATE hosts SET features = $2 WHERE id = $1", [id, host.#features]);
    await host.report([]);
    return host;
  }

  /** Reports that address from now on, from which its own connections come. */
  async connectsFrom(address: string): Promise<void> {
    this.machine.ipAddress = address;
    await noteConnection(this.#api.db, { hostId: this.id, address });
  }

  async heartbeat(change: object = {}): Promise<HeartbeatReply> {
    const reply = await this.tryHeartbeat(change);
    if (reply.kind === "refused") throw new Error(`heartbeat of ${this.id} refused: ${reply.reason}`);
    return reply;
  }

  /** As it said last. */
  async beatAgain(): Promise<void> {
    await this.tryHeartbeat(this.#lastText);
  }

  async tryHeartbeat(change: object = {}): ReturnType<HostHandlers["heartbeat"]> {
    this.#lastText = change;
    return await this.#handlers.heartbeat(this.id, this.heartbeatOf(change));
  }

  heartbeatOf(change: object = {}): Heartbeat {
    return Heartbeat.parse({
      kind: "heartbeat",
      version: VERSION,
      protocol: { min: 1, max: 2 },
      bootId: this.bootId,
      agentEpoch: 1,
      monotonicMs: 1_000_000,
      lastRoundTripMs: 4,
      applied: this.applied,
      journal: {
        id: this.journalId,
        headSeq: this.watermarkSeen,
        headHash: "0".repeat(64),
        watermarkSeen: this.watermarkSeen,
      },
      observedDigest: this.#digest,
      degraded: [],
      ...(this.#features !== undefined && { features: this.#features }),
      ...change,
    });
  }

  /** Takes the desired set over, as a nudged agent would. */
  async pull(): Promise<DesiredInstance[]> {
    const answer = await this.#handlers.desiredSet(this.id);
    if ("kind" in answer) throw new Error(`pull of ${this.id} refused: ${answer.reason}`);
    this.desired = answer.instances;
    this.desiredLeases = DesiredLease.array().parse(answer.leases);
    this.desiredFetches = answer.fetches ?? [];
    this.desiredKeySets = KeySet.array().parse(answer.keySets);
    this.desiredCuts = answer.cuts ?? [];
    this.applied = { term: answer.term, generation: answer.generation };
    return this.desired;
  }

  /** Reports exactly these instances, with the machine and its cards. */
  async report(instances: ObservedInstance[]): Promise<void> {
    const content = JSON.stringify([instances, this.gpus, randomUUID()]);
    const digest = createHash("sha256").update(content).digest("hex");
    const refusal = await this.#handlers.observed(this.id, {
      digest,
      machine: this.machine,
      gpus: this.gpus,
      instances,
      leases: this.#holdsLeases ? [...this.leases.values()] : null,
      pulls: this.pulls,
      access: this.access,
      kernelNotes: this.kernelNotes,
      notUnderstood: this.notUnderstood,
    });
    if (refusal !== undefined) throw new Error(`report of ${this.id} refused: ${refusal.reason}`);
    this.#digest = digest;
  }

  /** Does with its leases what a host does: binds what is new, gives back what is not wanted, keeps the rest. */
  bindLeases(): void {
    const isKnown = (id: string) => this.desiredLeases.some(({ leaseId }) => leaseId === id);
    for (const [id, { state }] of this.leases)
      if (state === "released" && !isKnown(id)) this.leases.delete(id);
    for (const { leaseId, workloadId, want } of this.desiredLeases) {
      const lease = this.leases.get(leaseId) ?? this.#leaseOf({ leaseId, workloadId });
      const isOver = lease.state === "released";
      const released = { ...lease, state: "released", releasedBecause: "ordered" } as const;
      this.leases.set(leaseId, want === "released" && !isOver ? released : lease);
    }
  }

  /** Changes what the host says of one lease. */
  reportOfLease(id: string, change: Partial<ObservedLease>): void {
    const lease = this.leases.get(id);
    if (lease === undefined) throw new Error(`${this.id} knows no lease ${id}`);
    this.leases.set(id, { ...lease, ...change });
  }

  #leaseOf(named: Pick<ObservedLease, "leaseId" | "workloadId">): ObservedLease {
    return {
      ...named,
      state: "held",
      externalPort: this.#nextPort++,
      detail: "",
      lastAccessedAt: null,
      releaseDueAt: null,
      releasedBecause: null,
      ...(this.#checksAnswers && { answers: { isSeen: true, detail: "" } }),
    };
  }

  /** One round of an agent: pull, tell that it was applied, report. What is to be removed is no longer there. */
  async round(report: HostReport = { phase: "ready" }): Promise<DesiredInstance[]> {
    await this.pull();
    this.bindLeases();
    await this.heartbeat();
    await this.report(
      this.desired.filter(({ want }) => want !== "removed").map((wanted) => this.observedOf(wanted, report)),
    );
    return this.desired;
  }

  observedOf(wanted: DesiredInstance, report: HostReport): ObservedInstance {
    const phase = report.phase ?? "ready";
    return {
      instanceId: wanted.instanceId,
      placementEpoch: wanted.placementEpoch,
      runId: wanted.runId,
      phase,
      detail: report.detail ?? "",
      problem: report.problem ?? null,
      containerId: report.containerId === undefined ? `container-of-${wanted.runId}` : report.containerId,
      exitCode: report.exitCode ?? null,
      gateOpenedMs: phase === "ready" ? 1 : null,
      bootId: this.bootId,
      ...(report.held !== undefined && { held: report.held }),
      ...(report.cutOff !== undefined && { cutOff: report.cutOff }),
      ...(report.idleness !== undefined && { idleness: report.idleness }),
      ...(report.isFrozen !== undefined && { isFrozen: report.isFrozen }),
      ...(report.imageId !== undefined && { imageId: report.imageId }),
      ...(report.brings !== undefined && { brings: report.brings }),
      ...(report.services !== undefined && { services: report.services }),
      ...(report.serving !== undefined && { serving: report.serving }),
      ...(report.openStreams !== undefined && { openStreams: report.openStreams }),
      ...(report.remains !== undefined && { remains: report.remains }),
      ...(report.restarts !== undefined && { restarts: report.restarts }),
      ...(report.gpuFaults !== undefined && { gpuFaults: report.gpuFaults }),
    };
  }

  async row(): Promise<Record<string, unknown>> {
    const { rows } = await this.#api.db.query("SELECT * FROM hosts WHERE id = $1", [this.id]);
    return rows[0] ?? {};
  }
}

function machineOf(id: string, options: HostOptions): MachineReport {
  return {
    hostname: id,
    ipAddress: "10.0.0.1",
    osType: "linux",
    osVersion: "Debian 13",
    arch: "x86_64",
    cpuCount: options.cpu ?? 16,
    memoryBytes: (options.memoryGib ?? 64) * GIB,
    diskBytes: 500 * GIB,
    cgroupVersion: 2,
    agentVersion: VERSION,
    runtime: { name: "docker", version: "26.1.5", liveRestore: true },
    attachMode: "cdi",
    storagePool: options.pool ?? `pool-${id}`,
  };
}

export function gpuReport(uuid: string, index: number, memoryTotalMib: number): GpuReport {
  return {
    uuid: GpuUuid.parse(uuid),
    index,
    name: "NVIDIA L4",
    brand: "NVIDIA",
    architecture: "Ada",
    pciBusId: `0000:0${index}:00.0`,
    driverVersion: "550.54",
    computeCapability: "8.9",
    memoryTotalMib,
    memoryUsedMib: 0,
    utilizationPercent: 0,
    temperatureC: 35,
    temperatureLimitC: 90,
    powerW: 20.5,
    powerLimitW: 72,
    migEnabled: false,
    eccUncorrected: 0,
    simulated: false,
    health: "healthy",
  };
}
