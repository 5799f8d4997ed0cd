/** The log of one process: where its lines go, in which form, and from which level on. */
import { pino, type DestinationStream } from "pino";
import { errorForLog, type Log } from "../log.ts";
import { currentTrace } from "../tracing/current-trace.ts";
import type { TraceContext } from "../tracing/trace-context.ts";
import type { LogSettings } from "./log-settings.ts";
import { textLine } from "./text-line.ts";

export const STANDARD_OUTPUT = 1;
export const STANDARD_ERROR = 2;

/** What a command logs beside its answer: only what fails, for the person who reads both. */
export const COMMAND_LOG = { level: "warn", format: "text" } satisfies LogSettings;

export interface ProcessLog extends Log {
  /** For all lines from now on. */
  configure(settings: LogSettings): void;
}

/** @param own the trace of lines that belong to no request, message or pass; left out: they have none */
export function openLog(
  { level, format }: LogSettings,
  descriptor: number,
  own: TraceContext | null = null,
): ProcessLog {
  const lines = pino.destination(descriptor);
  let isText = format === "text";
  const written: DestinationStream = { write: (line) => void lines.write(isText ? textLine(line) : line) };
  const log = pino(
    {
      base: null,
      level,
      mixin: () => traceFields(currentTrace() ?? own),
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: errorForLog },
    },
    written,
  );
  return Object.assign(log, {
    configure(settings: LogSettings) {
      log.level = settings.level;
      isText = settings.format === "text";
    },
  });
}

function traceFields(trace: TraceContext | null): { trace_id?: string; span_id?: string } {
  return trace === null ? {} : { trace_id: trace.traceId, span_id: trace.spanId };
}
