/** A log that keeps its lines for a test to look at and prints nothing. */
import type { Log } from "@remotegpu/shared/log";

export interface MemoryLog extends Log {
  lines: { level: "info" | "warn" | "error"; fields: object; message: string }[];
}

export function memoryLog(): MemoryLog {
  const lines: MemoryLog["lines"] = [];
  const keep = (level: "info" | "warn" | "error") => (fields: object, message: string) => {
    lines.push({ level, fields, message });
  };
  return { lines, info: keep("info"), warn: keep("warn"), error: keep("error") };
}
