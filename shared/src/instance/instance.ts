/**
 * What the agent is told to run and what it says is there. The agent knows only instances: environments, ranks
 * and replicas look alike to it.
 */
import { z } from "zod";
import { valueFailure } from "../values/value-failure.ts";
import { BootId, GpuUuid, InstanceId, RunId, WorkloadId } from "../values/ids.ts";
import { PackedCode } from "./code.ts";
import { GpuFault, MAX_GPU_FAULTS } from "./gpu-errors.ts";
import { GangNetwork, RankName } from "./gang-network.ts";
import { ImageTerms } from "./image-fetch.ts";
import { Probe } from "./probe.ts";
import { Idleness, MAX_STALL_SECONDS } from "./progress.ts";
import { RankKeys, RankLaunch } from "./rank-launch.ts";
import { SshAccess } from "./ssh-access.ts";
import { ReportedReason } from "../reasons/host-reports/reported-reason.ts";
import { text } from "../values/text.ts";
import { KIB } from "../values/units.ts";
import { WORKLOAD_KINDS } from "../values/workload.ts";

/** A path below a storage pool's root: relative, no empty, "." or ".." part. */
export const PoolPath = text(512)
  .regex(/^[^/]+(\/[^/]+)*$/)
  .refine(
    (path) => !path.split("/").some((part) => part === "." || part === ".."),
    valueFailure("pool-path-outside", {}),
  );

/** A dataset or model of the pool, always read-only. `target` is a path of the container. */
export const ReadOnlyMount = z.object({
  kind: z.enum(["dataset", "model"]),
  source: PoolPath,
  target: z.string().max(64),
});
export type ReadOnlyMount = z.infer<typeof ReadOnlyMount>;

/** A folder of the pool that is made if missing and outlives the run: code and output. */
const PersistentFolder = z.object({ source: PoolPath, target: z.string().max(64) });

/** A folder that is not there is not mounted, unless it is needed. */
const View = PersistentFolder.extend({ isNeeded: z.boolean().optional() });

export const AttachedGpu = z.object({
  uuid: GpuUuid,
  /** Set for a slice of a shared card; null when the whole card is this instance's. */
  memoryMib: z.int().positive().nullable(),
});
export type AttachedGpu = z.infer<typeof AttachedGpu>;

/** An image by its content, as a runtime names it. */
const ImageId = z.string().regex(/^sha256:[0-9a-f]{64}$/);

/** When a run's metering opens: its container runs, its gang is released, its first probe succeeds. */
const GATES = ["running", "released", "probe"] as const;
/** Whether a container that ended by itself is started again within its run, or has ended it. */
const RESTARTS = ["within-run", "never"] as const;
/** Which program a container begins with: our init, the command by a shell below it, or the image's own. */
const ENTRYPOINTS = ["init", "shell", "image"] as const;
/** What a container may be given beyond the agent's short list. */
const CAPABILITIES_ON_REQUEST = ["IPC_LOCK", "SYS_NICE", "SYS_PTRACE"] as const;

const MAX_RANKS = 256;
/** A job has at most 20 attempts, and an environment's code beside those before. */
const MAX_VIEWS = 32;

/** Everything that `create` takes, and nothing else: the spec hash covers exactly this. */
export const InstanceSpec = z.object({
  kind: z.enum(WORKLOAD_KINDS),
  workloadId: WorkloadId,
  /** Instances of one workspace share a bridge network; others are out of reach. A gang has one of its own. */
  network: z.union([z.string().regex(/^ws-[0-9]+$/), GangNetwork]),
  hostname: z.string().max(63),
  image: z.string().min(1).max(256),
  /** Run by the toolbox's shell; null keeps the container up with our init. */
  command: z
    .string()
    .max(64 * 1024)
    .nullable(),
  env: z.record(z.string(), z.string()),
  cpuMilli: z.int().positive(),
  memoryBytes: z.int().positive(),
  pidsLimit: z.int().positive(),
  storageBytes: z.int().nonnegative().nullable(),
  tempStorageBytes: z.int().nonnegative().nullable(),
  gpus: z.array(AttachedGpu).max(64),
  mounts: z.array(ReadOnlyMount).max(7),
  folders: z.array(PersistentFolder).max(4),
  /** Folders of the pool that are others', read-only. Absent: none. */
  views: z.array(View).max(MAX_VIEWS).optional(),
  /** Unpacked by the container's own user into /gemini/code before the command begins, and gone with the container. */
  code: PackedCode.optional(),
  /** Where the command begins; absent: where the image says. */
  workingFolder: z.string().max(64).optional(),
  jupyter: z.boolean(),
  tensorboard: z.boolean(),
  // What follows came with protocol 2; an order that says none of it means what it meant before.
  /** Absent: running. */
  gate: z.enum(GATES).optional(),
  /** Absent: never for training, else within-run. */
  restarts: z.enum(RESTARTS).optional(),
  /** Absent: init without a command, shell with one. */
  entrypoint: z.enum(ENTRYPOINTS).optional(),
  /** Names and addresses of all ranks, for the container's /etc/hosts. */
  hosts: z.array(RankName).max(MAX_RANKS).optional(),
  /** One rank of the gang starts processes on the others. Absent: each runs its command. */
  launch: RankLaunch.optional(),
  /** Absent: half of its memory. It counts as memory. */
  shmBytes: z.int().positive().optional(),
  /** The content that `image` must lead to; absent: whatever it leads to. */
  imageId: ImageId.optional(),
  capabilities: z.array(z.enum(CAPABILITIES_ON_REQUEST)).max(16).optional(),
});
export type InstanceSpec = z.infer<typeof InstanceSpec>;

export const STOP_ACTORS = ["customer", "admin", "account", "control-plane", "limit"] as const;
const WANTS = ["running", "stopped", "removed"] as const;

/** Seconds between the word to end and the kill. */
export const MAX_STOP_GRACE_SECONDS = 600;

/** What an INT column of the control plane holds. */
const MAX_INT = 2_147_483_647;

const RdpAccess = z.object({
  /** The password that was generated for this run, as crypt(3) writes it; null: there is none, and nobody logs in. */
  passwordHash: text(256).nullable(),
});

/** One placement as the host should have it. Only `removed` takes something away; absence never does. */
export const DesiredInstance = z.object({
  instanceId: InstanceId,
  placementEpoch: z.int().positive(),
  runId: RunId,
  want: z.enum(WANTS),
  /** Who ordered a stop or removal; every stop carries it. */
  orderedBy: z.enum(STOP_ACTORS).nullable(),
  /** Hex SHA-256 of the canonical spec. */
  specHash: z.string().regex(/^[0-9a-f]{64}$/),
  spec: InstanceSpec,
  /** Applied live, outside the spec hash. */
  live: z.object({
    stopGraceSeconds: z.int().min(1).max(MAX_STOP_GRACE_SECONDS),
    onDisconnect: z.enum(["keep", "stop_after"]),
    /** Seconds without an accepted heartbeat after which a `stop_after` instance stops itself. */
    stopAfterSeconds: z.int().positive().nullable(),
    /** The gang's preflight has passed everywhere. */
    released: z.boolean().optional(),
    /** After so long without doing anything it is told to be idle; absent: never. Agents of before ignore it. */
    stallAfterSeconds: z.int().positive().max(MAX_STALL_SECONDS).optional().catch(undefined),
    /** The keys of a rank that leads or follows. Agents that do not serve it ignore it, whatever it holds. */
    rankKeys: RankKeys.optional().catch(undefined),
    probe: Probe.optional(),
    /** It ends what it was given, and no gateway is let in any more. Agents of before ignore it. */
    draining: z.literal(true).optional().catch(undefined),
    /** Agents that do not serve SSH ignore it, whatever it holds. */
    ssh: SshAccess.optional().catch(undefined),
    /** The token of this run's JupyterLab. Agents that start none ignore it, whatever it holds. */
    jupyterToken: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional()
      .catch(undefined),
    /** RDP is switched on. Agents that keep no xrdp up ignore it, whatever it holds. */
    rdp: RdpAccess.optional().catch(undefined),
  }),
  /** How its image may be had; absent from a control plane of before, which says nothing of that. */
  imageTerms: ImageTerms.optional(),
});
export type DesiredInstance = z.infer<typeof DesiredInstance>;

/** What is understood of every order, also of one that says what only a later agent understands. */
export const BareOrder = DesiredInstance.pick({
  instanceId: true,
  placementEpoch: true,
  runId: true,
  want: true,
}).extend({
  orderedBy: DesiredInstance.shape.orderedBy.catch(null),
  /** Whose leases lead there, while it runs on. */
  spec: InstanceSpec.pick({ workloadId: true }).optional().catch(undefined),
});
export type BareOrder = z.infer<typeof BareOrder>;

/** Why an instance cannot run, as a code the control plane acts on; `detail` is the sentence for people. */
export const INSTANCE_PROBLEMS = [
  "image-missing",
  "mount-missing",
  "gpu-missing",
  "gpu-failed",
  "runtime-error",
  "runtime-down",
  "start-refused",
  "exited",
  "out-of-memory",
  "storage-exceeded",
  /** Its host's disk was nearly full, and it wrote most. */
  "disk-filled",
  "container-lost",
  /** It failed its probe, was started again as often as that is done, and failed it still. */
  "probe-failed",
  // The two below speak of a run that goes on, costs and holds its cards.
  /** The runtime says that its container ended, or knows it no more, and its processes are still there. */
  "runtime-disagrees",
  /** It was told to end and killed, and processes of it are still there. */
  "not-ending",
] as const;
export type InstanceProblem = (typeof INSTANCE_PROBLEMS)[number];

/** The last lines that an ended run's container wrote, as UTF-8. */
export const MAX_TAIL_BYTES = 8 * KIB;

const Signal = z.string().regex(/^SIG[A-Z0-9+]{1,12}$/);

/** What an ended run left, told once and for good. Its exit code stands with the instance. */
export const RunRemains = z.object({
  /** The kernel ended something of it for its memory. */
  outOfMemory: z.boolean(),
  /** The signal that its exit code speaks of; null for none. */
  signal: Signal.nullable(),
  /** What could not be read as text is replaced. Null where nothing could be read; empty where nothing was written. */
  tail: text(MAX_TAIL_BYTES)
    .refine((tail) => new TextEncoder().encode(tail).length <= MAX_TAIL_BYTES, "too long")
    .nullable(),
  /** A file stands in its output folder that is in none of those of earlier attempts. Absent where nobody looked. */
  newOutput: z.boolean().optional().catch(undefined),
});
export type RunRemains = z.infer<typeof RunRemains>;

/** How often a run's container ended and was started again, and how it ended before the last time. */
const RunRestarts = z.object({
  count: z.int().positive().max(MAX_INT),
  /** Null where the container was gone. */
  exitCode: z.int().min(-MAX_INT).max(MAX_INT).nullable(),
  outOfMemory: z.boolean(),
  signal: Signal.nullable(),
});

/** One thing that was looked at before a gang is released. */
const Finding = z.object({
  /** A word: "network", "clock", "memory". */
  check: z.string().regex(/^[a-z][a-z-]{0,31}$/),
  isPassed: z.boolean(),
  detail: text(300),
  /** Agents of before send none. */
  reason: ReportedReason,
  /** The address of the rank that it is about, where it is about one. */
  address: z.ipv4().optional(),
});
export type Finding = z.infer<typeof Finding>;
/** One of each other rank, and some of the host. */
const MAX_FINDINGS = MAX_RANKS + 16;

/** The services of one container. */
const MAX_SERVICES = 8;

/** Whether somebody answers there; a sentence where nobody was seen. */
const ServiceAnswer = z.object({ isSeen: z.boolean(), detail: text(200), reason: ReportedReason });
export type ServiceAnswer = z.infer<typeof ServiceAnswer>;
/** By the service's name. */
const ServiceAnswers = z
  .record(z.string().regex(/^[a-z]{1,32}$/), ServiceAnswer)
  .refine((services) => Object.keys(services).length <= MAX_SERVICES, "too many");
export type ServiceAnswers = z.infer<typeof ServiceAnswers>;

/** What an image brings, each as a word: "shell", "python", "notebook", "tensorboard". */
const Brought = z.string().regex(/^[a-z][a-z-]{0,31}$/);
export const MAX_BROUGHT = 16;

export const ObservedInstance = z.object({
  instanceId: InstanceId,
  placementEpoch: z.int().positive().max(MAX_INT),
  runId: RunId,
  phase: z.enum(["starting", "ready", "stopping", "stopped", "failed"]),
  /** A sentence: what it waits for or why it ended. */
  detail: text(2000),
  /** The same as a code. Absent where all of it is of others, and from agents of before. */
  reason: ReportedReason,
  problem: z.enum(INSTANCE_PROBLEMS).nullable(),
  containerId: text(128).nullable(),
  exitCode: z.int().min(-MAX_INT).max(MAX_INT).nullable(),
  /** When metering opened, on the host's monotonic clock. */
  gateOpenedMs: z.int().nonnegative().nullable(),
  bootId: BootId,
  /** On a placement that is refused for its epoch: the highest this host has known. Agents of before tell it in `detail` only. */
  knownEpoch: z.int().positive().max(MAX_INT).optional(),
  /** Absent while the run lives, while it is still being looked at, and from agents of before. */
  remains: RunRemains.optional(),
  /** Absent while it was never started again, and from agents of before. */
  restarts: RunRestarts.optional(),
  // What follows came with protocol 2.
  /** Its container runs and its gang is not released yet; what was found of it so far. */
  held: z.object({ findings: z.array(Finding).max(MAX_FINDINGS) }).optional(),
  /** The ranks of a released gang that sent nothing for a while. Absent while all do. */
  cutOff: z.array(z.ipv4()).max(MAX_RANKS).optional().catch(undefined),
  /** Whether it does anything, where its order asks for that. */
  idleness: Idleness.optional().catch(undefined),
  /** All that is in its container is stopped from outside: it was paused, or its control group frozen. Absent: it is not. */
  isFrozen: z.literal(true).optional().catch(undefined),
  /** Whether it answers its probe, which is not its phase: a replica that is up may fail to serve. */
  serving: z.enum(["not-yet", "yes", "no"]).optional(),
  /** While it drains: connections of gateways that are open to it. Absent while nobody can say. */
  openStreams: z.int().nonnegative().max(MAX_INT).optional().catch(undefined),
  /** The id of its container's image. */
  imageId: ImageId.optional(),
  /** What that image brings; absent where nobody could look. */
  brings: z.array(Brought).max(MAX_BROUGHT).optional(),
  /**
   * The services that gateways carry without a lease: jupyter, tensorboard, terminal. Absent while nothing is known,
   * and from agents of before; what is not understood is nothing.
   */
  services: ServiceAnswers.optional().catch(undefined),
  /** Errors that its programs made on GPUs in this boot, the latest few, the oldest first. Absent: none, or an agent of before. */
  gpuFaults: z.array(GpuFault).max(MAX_GPU_FAULTS).optional().catch(undefined),
});
export type ObservedInstance = z.infer<typeof ObservedInstance>;

/** What is understood of every observed run, also of one that is told in words of a later agent. */
export const BareRun = ObservedInstance.pick({ instanceId: true, placementEpoch: true, runId: true });
export type BareRun = z.infer<typeof BareRun>;
