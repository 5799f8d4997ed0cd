/** What `config check` and a reload know of the agent's settings beyond their schema (config.ts). */
import type { SettingKind } from "@remotegpu/shared/settings/presented-value";
import type { SettingsDefinition } from "@remotegpu/shared/settings/settings-report";
import {
  configFaults,
  DEFAULT_DISK_FREE_BYTES,
  DEFAULT_DISK_FREE_PERCENT,
  DEFAULT_GATEWAY_PORT,
  DEFAULT_IMAGE_DISK_FREE_PERCENT,
  DEFAULT_METRICS_LISTEN,
  DEFAULT_RUN_FILES,
  ownPoolFolder,
  SCHEMA_DEFAULTS,
  SETTING_NAMES,
} from "./config.ts";

const KINDS: Readonly<Record<string, SettingKind>> = { REMOTEGPU_JOIN_TOKEN: "secret" };
/** Of the command remotegpu; the address of the control plane is one of both. */
const OF_THE_COMMAND = ["REMOTEGPU_KEY", "REMOTEGPU_CA", "REMOTEGPU_PROFILE"];

const UNSET = "unset";
/** What applies where the schema has no default; of all others nothing does. */
const APPLIED: Readonly<Record<string, string>> = {
  REMOTEGPU_CONFIG_FILE: "none",
  REMOTEGPU_HOST_NAME: "unset: the host's name",
  REMOTEGPU_SIMULATED_GPUS: "0",
  REMOTEGPU_STORAGE_POOL: "unset: one of its own",
  REMOTEGPU_RUNTIME_SOCKET: "unset: Docker's own",
  REMOTEGPU_IMAGE_DISK_FREE: String(DEFAULT_IMAGE_DISK_FREE_PERCENT),
  REMOTEGPU_IMAGE_BYTES: "unset: no bound",
  REMOTEGPU_DISK_FREE: String(DEFAULT_DISK_FREE_PERCENT),
  REMOTEGPU_DISK_FREE_BYTES: String(DEFAULT_DISK_FREE_BYTES),
  REMOTEGPU_RUN_FILES: String(DEFAULT_RUN_FILES),
  REMOTEGPU_LEASE_ADDRESS: "unset: every address",
  REMOTEGPU_GATEWAY_PORT: String(DEFAULT_GATEWAY_PORT),
  REMOTEGPU_METRICS_LISTEN: DEFAULT_METRICS_LISTEN,
  REMOTEGPU_CANARY: "1",
  REMOTEGPU_RAISE_LIMITS: "1",
};

export const AGENT_SETTINGS: SettingsDefinition = {
  names: SETTING_NAMES,
  kinds: KINDS,
  ofOthers: OF_THE_COMMAND,
  defaultOf(name, values) {
    const standard = SCHEMA_DEFAULTS[name] ?? UNSET;
    if (name !== "REMOTEGPU_POOL_FOLDER") return APPLIED[name] ?? standard;
    return ownPoolFolder(values["REMOTEGPU_STATE_DIR"] ?? SCHEMA_DEFAULTS["REMOTEGPU_STATE_DIR"] ?? "");
  },
  faultsOf: (values) => configFaults(values).map(({ variable, fault }) => ({ name: variable, fault })),
};
