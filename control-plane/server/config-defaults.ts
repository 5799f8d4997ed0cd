/** What `config check` and a reload know of the control plane's settings beyond their schema (config.ts). */
import type { SettingKind } from "@remotegpu/shared/settings/presented-value";
import type { SettingsDefinition } from "@remotegpu/shared/settings/settings-report";
import { configFaults, GATEWAY_LISTEN, SCHEMA_DEFAULTS, SETTING_NAMES, TUNNEL_PORT } from "./config.ts";

const KINDS: Readonly<Record<string, SettingKind>> = {
  DATABASE_URL: "url",
  MIGRATION_DATABASE_URL: "url",
  NATS_URL: "url",
};
/** Of the command remotegpu. */
const OF_THE_COMMAND = ["REMOTEGPU_SERVER", "REMOTEGPU_KEY", "REMOTEGPU_CA", "REMOTEGPU_PROFILE"];

const UNSET = "unset";
/** What applies where the schema has no default; of all others nothing does. */
const APPLIED: Readonly<Record<string, string>> = {
  REMOTEGPU_CONFIG_FILE: "none",
  REMOTEGPU_PUBLIC_URL: "unset: what it listens on",
  DATABASE_URL: "unset: a Postgres of its own",
  MIGRATION_DATABASE_URL: "unset: DATABASE_URL",
  NATS_URL: "unset: a NATS of its own",
  REMOTEGPU_OIDC_NAME: "unset: the host of REMOTEGPU_OIDC_ISSUER",
  REMOTEGPU_GATEWAY_LISTEN: GATEWAY_LISTEN,
  REMOTEGPU_TUNNEL_LISTEN: `port ${TUNNEL_PORT} of REMOTEGPU_LISTEN`,
  REMOTEGPU_TUNNEL_HOST: "unset: this machine's name or address",
};

export const CONTROL_PLANE_SETTINGS: SettingsDefinition = {
  names: SETTING_NAMES,
  kinds: KINDS,
  ofOthers: OF_THE_COMMAND,
  defaultOf: (name) => APPLIED[name] ?? SCHEMA_DEFAULTS[name] ?? UNSET,
  faultsOf: (values) => configFaults(values).map(({ variable, fault }) => ({ name: variable, fault })),
};
