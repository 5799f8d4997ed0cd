/**
 * The server process of a data folder, started apart from our process group so that Ctrl-C reaches us first, and
 * found and ended by postmaster.pid, whoever started it: it survives our kill on purpose.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { open, readFile, readlink, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { PostgresAccount } from "./postgres-account.ts";
import { PostgresStartError } from "./postgres-start-error.ts";

/** Recovery after a crash may take its time. */
const READY_WITHIN_MS = 120_000;
const FAST_STOP_WITHIN_MS = 15_000;
const IMMEDIATE_STOP_WITHIN_MS = 10_000;
const CHECK_EVERY_MS = 20;
const MAX_LOG_BYTES = 8 * 1024 * 1024;

export interface Postmaster {
  pid: number;
  port: number;
}

interface StartOptions {
  dataDir: string;
  binaries: string;
  account: PostgresAccount;
  logFile: string;
  port: number;
  /** As in postgresql.conf. */
  settings: Record<string, string>;
  /** Asks the server for an answer. */
  isReady: () => Promise<boolean>;
}

/** @throws PostgresStartError with the server's own words */
export async function startPostmaster(options: StartOptions): Promise<Postmaster> {
  const { dataDir, logFile, port, isReady } = options;
  const logStart = await prepareLog(logFile);
  const child = await spawnPostgres(options);
  const deadline = performance.now() + READY_WITHIN_MS;
  // Whoever holds a taken port may be slow to answer, or never do: the end of our server cuts the question short.
  const ended = new Promise<false>((resolve) => child.once("close", () => resolve(false)));
  while (!(await Promise.race([isReady(), ended]))) {
    if (isRunning(child) && performance.now() < deadline) {
      await pause();
      continue;
    }
    if (child.pid !== undefined) await stopPostmaster(dataDir, child.pid);
    const text = (await readFile(logFile)).subarray(logStart).toString("utf8");
    throw new PostgresStartError(
      `Postgres does not start on port ${port}: ${complaintIn(text)} (see ${logFile})`,
    );
  }
  assert(child.pid !== undefined, "a server that answers has a pid");
  return { pid: child.pid, port };
}

async function spawnPostgres({ dataDir, binaries, account, logFile, port, settings }: StartOptions) {
  const output = await open(logFile, "a", 0o600);
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const child = spawn(join(binaries, "bin/postgres"), ["-D", dataDir, "-p", String(port), ...flags], {
    ...account,
    detached: true,
    cwd: "/",
    env: { LC_ALL: "C", TZ: "UTC" },
    stdio: ["ignore", output.fd, output.fd],
  });
  // A failed spawn shows as a child without a pid.
  child.on("error", () => undefined);
  child.unref();
  await output.close();
  return child;
}

/**
 * The running server of this data folder, or null. A pid file that names another's process by now is removed, since
 * Postgres would take that process for a server of this folder and refuse to start.
 */
export async function findPostmaster(dataDir: string): Promise<Postmaster | null> {
  const named = await namedPostmaster(dataDir);
  if (await isPostmasterOf(dataDir, named.pid)) return named;
  if (await isAlive(named.pid)) await rm(pidFile(dataDir), { force: true });
  return null;
}

/** The same without a change to anything. */
export async function runningPostmaster(dataDir: string): Promise<Postmaster | null> {
  const named = await namedPostmaster(dataDir);
  return (await isPostmasterOf(dataDir, named.pid)) ? named : null;
}

async function namedPostmaster(dataDir: string): Promise<Postmaster> {
  const lines = (await readFile(pidFile(dataDir), "utf8").catch(() => "")).split("\n");
  return { pid: Number(lines[0]), port: Number(lines[3]) };
}

function pidFile(dataDir: string): string {
  return join(dataDir, "postmaster.pid");
}

/** Ends the server: open transactions are rolled back; one that does not end in time is cut off and recovers later. */
export async function stopPostmaster(dataDir: string, pid: number): Promise<void> {
  if (await signalAndWait(dataDir, pid, "SIGINT", FAST_STOP_WITHIN_MS)) return;
  if (await signalAndWait(dataDir, pid, "SIGQUIT", IMMEDIATE_STOP_WITHIN_MS)) return;
  await signalAndWait(dataDir, pid, "SIGKILL", IMMEDIATE_STOP_WITHIN_MS);
}

async function signalAndWait(
  dataDir: string,
  pid: number,
  signal: NodeJS.Signals,
  withinMs: number,
): Promise<boolean> {
  if (!(await isPostmasterOf(dataDir, pid))) return true;
  process.kill(pid, signal);
  const deadline = performance.now() + withinMs;
  while (await isPostmasterOf(dataDir, pid)) {
    if (performance.now() > deadline) return false;
    await pause();
  }
  return true;
}

/** A pid may be another's by now; a server works in its data folder. */
export async function isPostmasterOf(dataDir: string, pid: number): Promise<boolean> {
  if (!(await isAlive(pid))) return false;
  const folder = await readlink(`/proc/${pid}/cwd`).catch(() => "");
  return folder === dataDir;
}

/** A process that has ended but was never waited for by its parent counts as gone. */
async function isAlive(pid: number): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 1) return false;
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return status !== "" && !/^State:\s+[ZX]/m.test(status);
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/** Keeps the log short; answers where this start's lines will begin. */
async function prepareLog(file: string): Promise<number> {
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  if (size <= MAX_LOG_BYTES) return size;
  await rename(file, `${file}.old`);
  return 0;
}

function complaintIn(log: string): string {
  const lines = log.trim().split("\n");
  const line = lines.find((text) => /FATAL|PANIC|error while loading/.test(text)) ?? lines.at(-1);
  return line?.replace(/^.*?(FATAL|PANIC): +/, "") || "it says nothing";
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, CHECK_EVERY_MS));
}
