/** The two settings of every process that writes a log: how much it writes, and in which form. */
import { z } from "zod";

const LEVELS = ["debug", "info", "warn", "error"] as const;
export const LOG_FORMATS = ["json", "text"] as const;

type LogLevel = (typeof LEVELS)[number];
type LogFormat = (typeof LOG_FORMATS)[number];

export interface LogSettings {
  level: LogLevel;
  format: LogFormat;
}

const unsetIfEmpty = (value: unknown) => (value === "" ? undefined : value);

/** The values of the two variables, for the schema of a program's environment. */
export const LogLevelName = z.preprocess(unsetIfEmpty, z.enum(LEVELS).default("info"));
export const LogFormatName = z.preprocess(unsetIfEmpty, z.enum(LOG_FORMATS).default("json"));

export function logSettings(env: {
  REMOTEGPU_LOG_LEVEL: LogLevel;
  REMOTEGPU_LOG_FORMAT: LogFormat;
}): LogSettings {
  return { level: env.REMOTEGPU_LOG_LEVEL, format: env.REMOTEGPU_LOG_FORMAT };
}
