/** A process of ours while it is measured: what it said so far, its memory, and its end. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { KIB } from "@remotegpu/shared/values/units";

const STOP_WITHIN_MS = 30_000;
/** USER_HZ is 100 on every Linux we run on. */
const MS_PER_TICK = 10;

export interface RunningProcess {
  /** @throws Error with its last words when it has ended */
  output(): string;
  /** Resident, shared pages included: VmRSS. */
  memoryBytes(): number;
  /** Of all its threads, in the kernel and out of it. */
  cpuMs(): number;
  /** In order; KILL past a bound. */
  stop(): Promise<void>;
  /** Without warning. */
  kill(): Promise<void>;
}

/**
 * In a process group of its own, so that Ctrl-C reaches us first; with a pipe as its input, so that it learns of our
 * end; and writing to its file itself, so that our end does not break its pipes.
 */
export function spawnProcess(
  [command = "", ...args]: string[],
  { env, logFile, cwd }: { env: Record<string, string>; logFile: string; cwd?: string },
): RunningProcess {
  const log = openSync(logFile, "w", 0o600);
  const child = spawn(command, args, {
    env: { PATH: process.env["PATH"], ...env },
    cwd,
    detached: true,
    stdio: ["pipe", log, log],
  });
  closeSync(log);
  const ended = once(child, "exit");
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const end = async (signal: "SIGTERM" | "SIGKILL") => {
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_WITHIN_MS);
    await ended;
    clearTimeout(timer);
  };
  return {
    output() {
      const text = readFileSync(logFile, "utf8");
      if (hasEnded()) throw new Error(`${args.join(" ")} has ended:\n${text.slice(-2_000)}`);
      return text;
    },
    memoryBytes() {
      const status = readFileSync(`/proc/${child.pid ?? 0}/status`, "utf8");
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * KIB;
    },
    cpuMs() {
      const stat = readFileSync(`/proc/${child.pid ?? 0}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
    },
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
  };
}
