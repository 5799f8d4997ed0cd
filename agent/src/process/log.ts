/** Where a process of ours writes what it does: lines of JSON on standard output, which systemd keeps. */
import { pino } from "pino";
import { errorForLog, type Log } from "@remotegpu/shared/log";

export const log: Log = pino({
  base: null,
  timestamp: pino.stdTimeFunctions.isoTime,
  serializers: { error: errorForLog },
});
