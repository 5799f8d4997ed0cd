/**
 * The settings that an administrator may change while everything runs, because all replicas must agree on them:
 * what each is for, what holds until it is set, and which values it takes. What a value does is decided by its user.
 */
import { QUOTA_LEVELS } from "./quota-levels.ts";

/** In the order of the alphabet, in which they are listed. */
export const SETTING_KEYS = [
  "ALLOW_PLAIN_HTTP_PORTS",
  "DEFAULT_QUOTA_LEVEL",
  "FREE_STORAGE_GB",
  "MIN_START_MINUTES",
] as const;
export type SettingKey = (typeof SETTING_KEYS)[number];

interface Setting {
  readonly description: string;
  /** Holds until another is set. */
  readonly byDefault: string;
  readonly values: RegExp;
  /** What `values` says, for people. */
  readonly form: string;
}

export const SETTINGS: Record<SettingKey, Setting> = {
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
  FREE_STORAGE_GB: {
    description: "How much storage each workspace has free, in GB of 2^30 bytes",
    byDefault: "50",
    values: /^\d{1,9}(\.\d{1,6})?$/,
    form: "a number of GB, up to 6 decimals",
  },
  MIN_START_MINUTES: {
    description: "For how many minutes of everything that then runs the balance must last before a start",
    byDefault: "60",
    values: /^\d{1,6}$/,
    form: "a whole number of minutes, up to 999999",
  },
};

/** The value that holds; one that an older release or a hand in the database left and nobody can read is as none. */
export function settingInForce(key: SettingKey, stored: string | null): string {
  return stored !== null && SETTINGS[key].values.test(stored) ? stored : SETTINGS[key].byDefault;
}
