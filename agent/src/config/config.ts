/** The agent's settings and what each may be. Where their values come from is config-sources.ts's. */
import { join } from "node:path";
import {
  LogFormatName,
  LogLevelName,
  logSettings,
  type LogSettings,
} from "@remotegpu/shared/logging/log-settings";
import { GIB, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { z } from "zod";
import type { DiskBounds } from "../core/storage/disk-guard.ts";
import type { ImageBounds } from "../core/images/image-cleaning.ts";
import type { PortRange } from "../core/leases/lease-port.ts";
import { MAX_SIMULATED_GPUS } from "../host/gpus/simulated/simulated-gpus.ts";

const LAST_PORT = 65_535;
/** Below the leases' range and the kernel's for outgoing connections. */
export const DEFAULT_GATEWAY_PORT = 19_443;

/** Beside the one for gateways, on loopback: whoever scrapes is on this host, or comes by its own proxy. */
export const DEFAULT_METRICS_LISTEN = "127.0.0.1:19444";
/** `[::1]:19444` and `127.0.0.1:19444`; 0 takes any port that is free. */
const LISTEN = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):(\d{1,5})$/i;
const OFF = "off";

/** A large framework image or two still come in beside what containers write. */
export const DEFAULT_IMAGE_DISK_FREE_PERCENT = 15;

/** Of a disk of terabytes the bound in bytes counts: what a fast writer fills before it is stopped. */
export const DEFAULT_DISK_FREE_PERCENT = 3;
export const DEFAULT_DISK_FREE_BYTES = 10 * GIB;

/** Of one run in one place: unpacked data sets have a million or two. */
export const DEFAULT_RUN_FILES = 5_000_000;

const Flag = z.enum(["0", "1"]).transform((value) => value === "1");
const OrUnset = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === "" ? undefined : value), schema.optional());

const Environment = z.object({
  /** In the environment alone: the file that has the others; what the environment has itself goes before it. */
  REMOTEGPU_CONFIG_FILE: OrUnset(z.string().startsWith("/")),
  REMOTEGPU_LOG_LEVEL: LogLevelName,
  REMOTEGPU_LOG_FORMAT: LogFormatName,
  REMOTEGPU_STATE_DIR: z.string().min(1).default("/var/lib/remotegpu"),
  REMOTEGPU_SERVER: OrUnset(z.url({ protocol: /^https?$/ })),
  REMOTEGPU_JOIN_TOKEN: OrUnset(z.string()),
  REMOTEGPU_HOST_NAME: OrUnset(z.string().max(128)),
  /** Hex SHA-256 of the control plane's own CA; unset where its certificate is a public one. */
  REMOTEGPU_CA_SHA256: OrUnset(z.string().regex(/^[0-9a-f]{64}$/)),
  /** Cards to pretend; 0 means the real ones. Never chosen by the agent itself. */
  REMOTEGPU_SIMULATED_GPUS: OrUnset(z.coerce.number().int().min(0).max(MAX_SIMULATED_GPUS)),
  /** Hosts that name the same pool see the same files below their pool folder. Unset: a pool of its own. */
  REMOTEGPU_STORAGE_POOL: OrUnset(z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/)),
  REMOTEGPU_POOL_FOLDER: OrUnset(z.string().startsWith("/")),
  REMOTEGPU_RUNTIME_SOCKET: OrUnset(z.string().startsWith("/")),
  REMOTEGPU_NVIDIA_SMI: z.string().min(1).default("nvidia-smi"),
  /** Containers of ours that nobody has asked for through their whole grace are removed, not only told. */
  REMOTEGPU_REAP_ORPHANS: OrUnset(Flag),
  /** The numbers that leases get, outside the kernel's own range for outgoing connections. */
  REMOTEGPU_LEASE_PORTS: z
    .string()
    .refine((text) => portRange(text) !== null, "must be a range of ports, like 20000-29999")
    .default("20000-29999"),
  /** Percent of the runtime's disk below whose free part images that nobody uses are removed; 0: never for that. */
  REMOTEGPU_IMAGE_DISK_FREE: OrUnset(z.coerce.number().min(0).max(90)),
  /** Most bytes of images that this agent pulled. Unset: no bound. */
  REMOTEGPU_IMAGE_BYTES: OrUnset(z.coerce.number().int().nonnegative()),
  /** Percent of each disk that containers must not fill: below, who fills it is stopped; 0: never. */
  REMOTEGPU_DISK_FREE: OrUnset(z.coerce.number().min(0).max(90)),
  /** Most bytes of each disk that are kept free so. */
  REMOTEGPU_DISK_FREE_BYTES: OrUnset(z.coerce.number().int().nonnegative()),
  /** Most files of one run in its folders, and in its own file system; 0: as many as it likes. */
  REMOTEGPU_RUN_FILES: OrUnset(z.coerce.number().int().nonnegative()),
  /** Where leased ports are bound; unset: on every address of the host. */
  REMOTEGPU_LEASE_ADDRESS: OrUnset(z.ipv4().or(z.ipv6())),
  /** The TLS port to which gateways of the control plane connect; 0 takes any that is free. */
  REMOTEGPU_GATEWAY_PORT: OrUnset(z.coerce.number().int().min(0).max(65_535)),
  /** Where metrics are served; `off`: nowhere. */
  REMOTEGPU_METRICS_LISTEN: OrUnset(
    z
      .string()
      .refine((text) => text === OFF || listenAddress(text) !== null, `must be ADDRESS:PORT or ${OFF}`),
  ),
  /** 1: the metrics name the instances that hold each GPU. */
  REMOTEGPU_METRICS_HOLDERS: OrUnset(Flag),
  /** 0: no canary tries what containers must be refused. */
  REMOTEGPU_CANARY: OrUnset(Flag),
  /** 0: the kernel's limits of this host are the operator's own task. */
  REMOTEGPU_RAISE_LIMITS: OrUnset(Flag),
  /** How long the upgrade unit watches a new version; unset: its own time. */
  REMOTEGPU_UPGRADE_PROBATION_SECONDS: OrUnset(z.coerce.number().int().min(1).max(86_400)),
  /** For `npm start`: take every container along when the agent is ended in order. */
  REMOTEGPU_CLEAN_ON_EXIT: OrUnset(Flag),
  /** For `npm start`: end when standard input closes, so that nothing outlives a starter that was killed. */
  REMOTEGPU_EXIT_WITH_STDIN: OrUnset(Flag),
});

type ListenAddress = { address: string; port: number };

export type Config = {
  log: LogSettings;
  stateDir: string;
  server: string | null;
  joinToken: string | null;
  hostName: string | null;
  caSha256: string | null;
  simulatedGpus: number;
  storagePool: string | null;
  poolFolder: string;
  runtimeSocket: string | null;
  nvidiaSmiPath: string;
  reapsOrphans: boolean;
  leasePorts: PortRange;
  leaseAddress: string | null;
  gatewayPort: number;
  /** Null: metrics are not served. */
  metricsListen: ListenAddress | null;
  metricsNameHolders: boolean;
  imageBounds: ImageBounds;
  hasCanary: boolean;
  raisesLimits: boolean;
  diskBounds: DiskBounds;
  mostRunFiles: number;
  /** Null: as long as the upgrade unit takes by itself. */
  upgradeProbationMs: number | null;
  cleanOnExit: boolean;
  exitWithStdin: boolean;
};

/** All settings, in the order in which this file describes them. */
export const SETTING_NAMES: readonly string[] = Object.keys(Environment.shape);

/** The values that apply by the schema where nothing is set: name → text. */
export const SCHEMA_DEFAULTS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(Environment.parse({}))
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, String(value)]),
);

/** Everything that keeps them from being used, each by its variable and without its value. */
export function configFaults(environment: NodeJS.ProcessEnv): ConfigError[] {
  const issues = Environment.safeParse(environment).error?.issues ?? [];
  return issues.map(({ path, message }) => new ConfigError(path.join(".") || "environment", message));
}

/** @throws ConfigError naming the variable */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const [fault] = configFaults(environment);
  if (fault !== undefined) throw fault;
  const env = Environment.parse(environment);
  return {
    log: logSettings(env),
    stateDir: env.REMOTEGPU_STATE_DIR,
    server: env.REMOTEGPU_SERVER ?? null,
    joinToken: env.REMOTEGPU_JOIN_TOKEN ?? null,
    hostName: env.REMOTEGPU_HOST_NAME ?? null,
    caSha256: env.REMOTEGPU_CA_SHA256 ?? null,
    simulatedGpus: env.REMOTEGPU_SIMULATED_GPUS ?? 0,
    storagePool: env.REMOTEGPU_STORAGE_POOL ?? null,
    poolFolder: env.REMOTEGPU_POOL_FOLDER ?? ownPoolFolder(env.REMOTEGPU_STATE_DIR),
    runtimeSocket: env.REMOTEGPU_RUNTIME_SOCKET ?? null,
    nvidiaSmiPath: env.REMOTEGPU_NVIDIA_SMI,
    reapsOrphans: env.REMOTEGPU_REAP_ORPHANS ?? false,
    leasePorts: portRange(env.REMOTEGPU_LEASE_PORTS) ?? { first: 1, last: LAST_PORT },
    leaseAddress: env.REMOTEGPU_LEASE_ADDRESS ?? null,
    gatewayPort: env.REMOTEGPU_GATEWAY_PORT ?? DEFAULT_GATEWAY_PORT,
    metricsListen: listenAddress(env.REMOTEGPU_METRICS_LISTEN ?? DEFAULT_METRICS_LISTEN),
    metricsNameHolders: env.REMOTEGPU_METRICS_HOLDERS ?? false,
    imageBounds: {
      freePart: (env.REMOTEGPU_IMAGE_DISK_FREE ?? DEFAULT_IMAGE_DISK_FREE_PERCENT) / 100,
      mostBytes: env.REMOTEGPU_IMAGE_BYTES ?? null,
    },
    hasCanary: env.REMOTEGPU_CANARY ?? true,
    raisesLimits: env.REMOTEGPU_RAISE_LIMITS ?? true,
    diskBounds: {
      freePart: (env.REMOTEGPU_DISK_FREE ?? DEFAULT_DISK_FREE_PERCENT) / 100,
      freeBytes: env.REMOTEGPU_DISK_FREE_BYTES ?? DEFAULT_DISK_FREE_BYTES,
    },
    mostRunFiles: env.REMOTEGPU_RUN_FILES ?? DEFAULT_RUN_FILES,
    upgradeProbationMs:
      env.REMOTEGPU_UPGRADE_PROBATION_SECONDS === undefined
        ? null
        : env.REMOTEGPU_UPGRADE_PROBATION_SECONDS * MS_PER_SECOND,
    cleanOnExit: env.REMOTEGPU_CLEAN_ON_EXIT ?? false,
    exitWithStdin: env.REMOTEGPU_EXIT_WITH_STDIN ?? false,
  };
}

/** Null of a text that is none. */
function portRange(text: string): PortRange | null {
  const [, from = "", to = ""] = /^(\d{1,5})-(\d{1,5})$/.exec(text) ?? [];
  const [first, last] = [Number(from), Number(to)];
  return first < 1 || last > LAST_PORT || first > last ? null : { first, last };
}

/** Null of "off", and of a text that is no address. */
function listenAddress(text: string): ListenAddress | null {
  const [, v6, v4, port = ""] = LISTEN.exec(text) ?? [];
  const address = v6 ?? v4;
  const isAddress = z.ipv4().or(z.ipv6()).safeParse(address).success;
  if (address === undefined || !isAddress || Number(port) > LAST_PORT) return null;
  return { address, port: Number(port) };
}

export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly variable: string;
  /** What is wrong with it. */
  readonly fault: string;

  constructor(variable: string, fault: string) {
    super(`${variable}: ${fault}`);
    this.variable = variable;
    this.fault = fault;
  }
}

/** Files of the state folder that more than one part names. */
export const keyFile = (stateDir: string) => join(stateDir, "host.nk");
/** Where the agent and the access process meet. */
export const accessSocket = (stateDir: string) => join(stateDir, "access.sock");
/** Where access processes of before an upgrade meet the newest one. */
export const drainingSocket = (stateDir: string) => join(stateDir, "elders.sock");
/** What the files process keeps for itself, and where the access process meets it. */
export const filesFolder = (stateDir: string) => join(stateDir, "files");
export const filesSocket = (stateDir: string) => join(filesFolder(stateDir), "files.sock");
export const credentialFile = (stateDir: string) => join(stateDir, "credential.json");
export const ownPoolFolder = (stateDir: string) => join(stateDir, "pool");
export const storedOutputFolder = (stateDir: string) => join(stateDir, "output");
