/**
 * The settings that an administrator may change while everything runs, because all replicas must agree on them:
 * what each is for, what holds until it is set, and which values it takes. What a value does is decided by its user.
 */
import { QUOTA_LEVELS } from "./orders/quota-levels.ts";
import { readNetworks } from "./hosts/host-address.ts";
import { PUBLIC_REGISTRIES, readRegistryList } from "./hosts/images/registries.ts";

/** In the order of the alphabet, in which they are listed. */
export const SETTING_KEYS = [
  "ACCESS_LOG_DAYS",
  "ALERT_BALANCES",
  "ALERT_BUDGET_PERCENTS",
  "ALERT_HOURS_LEFT",
  "ALLOW_LOOPBACK_WEBHOOKS",
  "ALLOW_PLAIN_HTTP_PORTS",
  "DEFAULT_QUOTA_LEVEL",
  "DEFAULT_TEMP_STORAGE_GIB",
  "ENVIRONMENT_STORAGE_GB",
  "FAIR_SHARE_HALF_LIFE_HOURS",
  "FLEET_UPGRADE_CALM_MINUTES",
  "FREE_LOADING_MINUTES",
  "FREE_STORAGE_GB",
  "GANG_UDP_PORT",
  "GPU_HISTORY_DAYS",
  "HOST_DRILL_MAX_DAYS",
  "HOST_NETWORKS",
  "IMAGE_REGISTRIES",
  "JOB_STORAGE_GB",
  "MAX_WAITING_PER_PAYER",
  "MIN_START_MINUTES",
  "POOL_DISK_GB",
  "REFUSE_SHARED_VULNERABLE_HOSTS",
  "TRUSTED_PROXIES",
] as const;
export type SettingKey = (typeof SETTING_KEYS)[number];

interface Setting {
  readonly description: string;
  /** Holds until another is set. */
  readonly byDefault: string;
  readonly values: { test(value: string): boolean };
  /** What `values` says, for people. */
  readonly form: string;
}

/** At most five, as of a customer's own thresholds (http/money/billing/budget.ts). */
const THRESHOLDS = {
  values: /^(none|\d{1,9}(\.\d{1,4})?(,\d{1,9}(\.\d{1,4})?){0,4})$/,
  form: "up to five numbers with commas between, or none",
};

const NETWORKS = {
  byDefault: "none",
  values: { test: (value: string) => readNetworks(value) !== null },
  form: "none, or up to 100 networks like 10.20.0.0/16 with commas between",
};

/** With any of them a sum over millions of workloads stays a number of bytes that is written down. */
const WHOLE_GB = {
  values: /^[1-9]\d{0,8}$/,
  form: "a whole number of GB, up to 999999999",
};

export const SETTINGS: Record<SettingKey, Setting> = {
  ACCESS_LOG_DAYS: {
    description: "Retention of the access log of environments, failed attempts included",
    byDefault: "90",
    values: /^[1-9]\d{0,3}$/,
    form: "a whole number of days from 1 to 9999",
  },
  ALERT_BALANCES: {
    description: "Balances at which customers are warned who set none of their own",
    byDefault: "50,10",
    ...THRESHOLDS,
  },
  ALERT_BUDGET_PERCENTS: {
    description: "Parts of their monthly budget at which customers are warned who set none of their own",
    byDefault: "50,80,100",
    ...THRESHOLDS,
  },
  ALERT_HOURS_LEFT: {
    description: "Hours that the money still lasts at which customers are warned who set none of their own",
    byDefault: "24,4",
    ...THRESHOLDS,
  },
  ALLOW_LOOPBACK_WEBHOOKS: {
    description: "Whether webhooks may lead to this server itself, by plain HTTP too; for trying them out",
    byDefault: "off",
    values: /^(on|off)$/,
    form: "on or off",
  },
  ALLOW_PLAIN_HTTP_PORTS: {
    description: "Whether JupyterLab and TensorBoard get public ports, on which they speak plain HTTP",
    byDefault: "off",
    values: /^(on|off)$/,
    form: "on or off",
  },
  DEFAULT_QUOTA_LEVEL: {
    description: "The quotas of customers for whom none were set",
    byDefault: "free",
    values: new RegExp(`^(${QUOTA_LEVELS.join("|")})$`),
    form: `one of ${QUOTA_LEVELS.join(", ")}`,
  },
  DEFAULT_TEMP_STORAGE_GIB: {
    description:
      "How much a container's own file system may hold where its order names no temp_storage, in GiB; free, and for what starts from now on",
    byDefault: "20",
    values: /^[1-9]\d{0,5}$/,
    form: "a whole number of GiB from 1 to 999999",
  },
  ENVIRONMENT_STORAGE_GB: {
    description:
      "How much of an environment that ordered no storage is believed to lie in its pool, in GB of 2^30 bytes",
    byDefault: "100",
    ...WHOLE_GB,
  },
  FAIR_SHARE_HALF_LIFE_HOURS: {
    description:
      "After how many hours what was held of the fleet counts half as much for the turn of those who wait",
    byDefault: "24",
    values: /^([1-9]\d?|1[0-5]\d|16[0-8])$/,
    form: "a whole number of hours from 1 to 168",
  },
  FLEET_UPGRADE_CALM_MINUTES: {
    description: "For so long nothing may be wrong on upgraded hosts before an upgrade's next wave begins",
    byDefault: "10",
    values: /^(0|[1-9]\d{0,3})$/,
    form: "a whole number of minutes up to 9999",
  },
  FREE_LOADING_MINUTES: {
    description: "How long, in each hour, one replica of a payer may load before it serves, free of charge",
    byDefault: "10",
    values: /^([1-5]?\d|60)$/,
    form: "a whole number of minutes from 0 to 60",
  },
  FREE_STORAGE_GB: {
    description: "How much storage each workspace has free, in GB of 2^30 bytes",
    byDefault: "50",
    values: /^\d{1,9}(\.\d{1,6})?$/,
    form: "a number of GB, up to 6 decimals",
  },
  GANG_UDP_PORT: {
    description:
      "The UDP port over which the hosts of a gang carry its network; of gangs that are placed from now on",
    byDefault: "8473",
    values: /^([1-9]\d{3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])$/,
    form: "a port from 1000 to 65535",
  },
  GPU_HISTORY_DAYS: {
    description: "Retention of readings of GPUs: utilization, memory, temperature and power",
    byDefault: "30",
    values: /^([1-9]\d?|[1-3]\d\d|400)$/,
    form: "a whole number of days from 1 to 400",
  },
  HOST_DRILL_MAX_DAYS: {
    description: "Hosts take new work only with a certificate of a drill that is not older than so many days",
    byDefault: "none",
    values: /^(none|[1-9]\d{0,3})$/,
    form: "none, or a whole number of days from 1 to 9999",
  },
  HOST_NETWORKS: {
    description:
      "Networks of hosts alone, in which the addresses that hosts report need no other confirmation",
    ...NETWORKS,
  },
  IMAGE_REGISTRIES: {
    description:
      "From which registries images may be used that are not on offer; with =private a name may lead to private addresses",
    byDefault: PUBLIC_REGISTRIES.join(","),
    values: { test: (value) => readRegistryList(value) !== null },
    form: "any, or up to 100 names HOST[:PORT] with commas between, each with =private behind where it leads inside",
  },
  JOB_STORAGE_GB: {
    description: "How much output of a training job is believed to lie in a pool, in GB of 2^30 bytes",
    byDefault: "100",
    ...WHOLE_GB,
  },
  MAX_WAITING_PER_PAYER: {
    description:
      "How many environments, jobs and replicas of one payer may wait for a place; further orders are refused",
    byDefault: "10000",
    values: /^([1-9]\d{0,5})$/,
    form: "a whole number from 1 to 999999",
  },
  MIN_START_MINUTES: {
    description: "For how many minutes of everything that then runs the balance must last before a start",
    byDefault: "60",
    values: /^\d{1,6}$/,
    form: "a whole number of minutes, up to 999999",
  },
  POOL_DISK_GB: {
    description:
      "How much is believed to lie in a storage pool whose disk no administrator has named, in GB of 2^30 bytes",
    byDefault: "10240",
    ...WHOLE_GB,
  },
  REFUSE_SHARED_VULNERABLE_HOSTS: {
    description:
      "Whether a host where a CVE is open that nobody waived takes workloads of one payer at a time; never of simulated hosts",
    byDefault: "off",
    values: /^(on|off)$/,
    form: "on or off",
  },
  TRUSTED_PROXIES: {
    description:
      "Proxies in front of the API and of gateways' tunnel ports: X-Forwarded-For of the API's is the address from which a host connects",
    ...NETWORKS,
  },
};

/** The value that holds; one that an older release or a hand in the database left and nobody can read is as none. */
export function settingInForce(key: SettingKey, stored: string | null): string {
  return stored !== null && SETTINGS[key].values.test(stored) ? stored : SETTINGS[key].byDefault;
}

/** The numbers of a setting that lists some. */
export function listedNumbers(value: string): string[] {
  return value === "none" ? [] : value.split(",");
}
