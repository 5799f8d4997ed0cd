/** A log that nobody reads. */
import type { Log } from "@remotegpu/shared/log";

export const quietLog: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };
