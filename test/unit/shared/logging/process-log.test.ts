/** The log of a process, read from the file that its descriptor stands for. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { LogSettings } from "@remotegpu/shared/logging/log-settings";
import { COMMAND_LOG, openLog, type ProcessLog } from "@remotegpu/shared/logging/process-log";
import { inTrace, newTrace } from "@remotegpu/shared/tracing/current-trace";
import type { TraceContext } from "@remotegpu/shared/tracing/trace-context";
import { eventually } from "../../../support/eventually.ts";

/** Writes what `work` logs and one error after it, whose line is awaited. */
async function written(
  settings: LogSettings,
  work: (log: ProcessLog) => void,
  own: TraceContext | null = null,
): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "remotegpu-log-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "log");
  const descriptor = openSync(file, "a");
  onTestFinished(() => closeSync(descriptor));
  const log = openLog(settings, descriptor, own);
  work(log);
  log.error({ error: new Error("last") }, "the last line");
  await eventually(() => readFileSync(file, "utf8").includes("the last line"), { what: "the last line" });
  return readFileSync(file, "utf8").trimEnd().split("\n");
}

test("JSON lines have the level by its name", async () => {
  const lines = await written({ level: "info", format: "json" }, (log) => log.info({ port: 1 }, "served"));

  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    { level: "info", time: expect.stringMatching(/^\d{4}-/), port: 1, msg: "served" },
    expect.objectContaining({ level: "error", error: expect.objectContaining({ message: "last" }) }),
  ]);
});

test("a line written in a trace has its ids, in both forms", async () => {
  const trace = newTrace();
  const lines = await written({ level: "info", format: "json" }, (log) => {
    inTrace(trace, () => log.info({ port: 1 }, "served"));
    log.configure({ level: "info", format: "text" });
    inTrace(trace, () => log.info({ port: 2 }, "served"));
  });

  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    port: 1,
    trace_id: trace.traceId,
    span_id: trace.spanId,
  });
  expect(lines[1]).toContain(`trace_id=${trace.traceId} span_id=${trace.spanId}`);
});

test("a line outside of every trace has that of its process, where the process has one", async () => {
  const own = newTrace();
  const lines = await written({ level: "info", format: "json" }, (log) => log.info({}, "served"), own);

  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ trace_id: own.traceId, span_id: own.spanId });
});

test("lines below the level are left out", async () => {
  const lines = await written({ level: "error", format: "json" }, (log) => {
    log.info({}, "an info");
    log.warn({}, "a warning");
  });

  expect(lines).toHaveLength(1);
});

test("a command's log has warnings as text, and no infos", async () => {
  const lines = await written(COMMAND_LOG, (log) => {
    log.info({}, "took over a Postgres");
    log.warn({ attempt: 1 }, "no answer yet");
  });

  expect(lines).toEqual([
    expect.stringMatching(/^\S+Z WARN  no answer yet attempt=1$/),
    expect.stringMatching(/^\S+Z ERROR the last line error=\{.*"message":"last"/),
  ]);
});

test("level and form can change from one line to the next", async () => {
  const lines = await written({ level: "warn", format: "json" }, (log) => {
    log.info({}, "left out");
    log.configure({ level: "info", format: "text" });
    log.info({}, "written");
  });

  expect(lines).toEqual([
    expect.stringMatching(/^\S+Z INFO  written$/),
    expect.stringMatching(/^\S+Z ERROR the last line /),
  ]);
});
