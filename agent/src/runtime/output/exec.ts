/**
 * A short command in a running container: arguments as they are, bytes in, bytes out, a deadline after which
 * the command and what it started are killed. No terminal; that is another way.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import type { Duplex } from "node:stream";
import type Dockerode from "dockerode";
import { CountsByKey } from "@remotegpu/shared/counts-by-key";
import { MAX_EXEC_BYTES, MAX_EXEC_SECONDS } from "@remotegpu/shared/messages/exec-limits";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { unstartedCommand } from "../../core/container/unstarted-command.ts";
import { QUICK_MS } from "../docker/docker.ts";
import type { Docker } from "../docker/docker.ts";
import { OutputFrames } from "./output-frames.ts";
import { killTree } from "./process-tree.ts";
import { isStatus, RuntimeError } from "../docker/runtime-error.ts";

const EXECS_PER_CONTAINER = 8;
/** After its output has ended, a command has this long to be gone. */
const EXIT_MS = 5_000;
/** What a killed command had printed is on its way for no longer than this. */
const LAST_OUTPUT_MS = 1_000;
const EXIT_POLL_MS = 20;

export type ExecOrder = {
  containerId: string;
  argv: [string, ...string[]];
  stdin: Buffer | null;
  /** 1 to MAX_EXEC_SECONDS. */
  timeoutSeconds: number;
  /** Ends it as its deadline does: nobody waits for it any more. */
  signal?: AbortSignal;
};

/** Both streams together hold at most MAX_EXEC_BYTES; the rest was read and dropped when `truncated`. */
export type Printed = { stdout: Buffer; stderr: Buffer; truncated: boolean };

export type ExecResult =
  | ({ kind: "exited"; exitCode: number } & Printed)
  | { kind: "refused"; reason: "timeout"; why: HostReason; printed: Printed }
  | { kind: "refused"; reason: "not-running" | "busy" | "given-up"; why: HostReason };

const GIVEN_UP: ExecResult = {
  kind: "refused",
  reason: "given-up",
  why: { code: "command-closed-early", params: {} },
};

export class Execs {
  readonly #docker: Docker;
  readonly #engine: () => Promise<string>;
  readonly #pending = new CountsByKey<string>();

  /** @param engine what the runtime calls itself */
  constructor(docker: Docker, engine: () => Promise<string>) {
    this.#docker = docker;
    this.#engine = engine;
  }

  /** @throws RuntimeError, RuntimeDown */
  async run(order: ExecOrder): Promise<ExecResult> {
    const { containerId } = order;
    const count = this.#pending.of(containerId);
    if (count >= EXECS_PER_CONTAINER) {
      const why: HostReason = { code: "commands-of-container-too-many", params: { commands: count } };
      return { kind: "refused", reason: "busy", why };
    }
    this.#pending.add(containerId);
    try {
      return await this.#runNow(order);
    } catch (error) {
      // 409: paused or stopped. 404: gone.
      if (!isStatus(error, 409) && !isStatus(error, 404)) throw error;
      return { kind: "refused", reason: "not-running", why: { code: "command-container-down", params: {} } };
    } finally {
      this.#pending.remove(containerId);
    }
  }

  async #runNow({ containerId, argv, stdin, timeoutSeconds, signal }: ExecOrder): Promise<ExecResult> {
    const exec = await this.#call("create a command", (client, abortSignal) =>
      client.getContainer(containerId).exec({
        Cmd: [...argv],
        AttachStdin: stdin !== null,
        AttachStdout: true,
        AttachStderr: true,
        Tty: false,
        abortSignal,
      }),
    );
    if (signal?.aborted) return GIVEN_UP;
    const stream = await this.#call("start a command", () =>
      exec.start({ hijack: true, stdin: stdin !== null }),
    );
    const output = new Output();
    const ended = pump(stream, stdin, output);
    const seconds = Math.min(timeoutSeconds, MAX_EXEC_SECONDS);
    const isOver = await Promise.race([
      ended.then(() => true),
      after(seconds * MS_PER_SECOND),
      ...(signal === undefined ? [] : [aborted(signal)]),
    ]);
    if (!isOver) {
      await this.#kill(exec);
      await Promise.race([ended, after(LAST_OUTPUT_MS)]);
      stream.destroy();
      if (signal?.aborted) return GIVEN_UP;
      const why: HostReason = { code: "command-overdue", params: { seconds } };
      return { kind: "refused", reason: "timeout", why, printed: output.collected() };
    }
    const { exitCode, hasBegun } = await this.#end(exec);
    const printed = output.collected();
    // What the runtime says of a program that it cannot run comes as output, with an exit code that differs by version.
    const unstarted = hasBegun ? null : unstartedCommand(printed.stdout.toString());
    if (unstarted === null) return { kind: "exited", exitCode, ...printed };
    const stderr = Buffer.from(`${unstarted.sentence}\n`);
    return { ...printed, kind: "exited", exitCode: unstarted.exitCode, stdout: Buffer.alloc(0), stderr };
  }

  async #end(exec: Dockerode.Exec): Promise<{ exitCode: number; hasBegun: boolean }> {
    const deadline = performance.now() + EXIT_MS;
    for (;;) {
      const { Running, ExitCode, Pid } = await this.#inspect(exec);
      if (!Running && ExitCode !== null) return { exitCode: ExitCode, hasBegun: await this.#hasBegun(Pid) };
      if (performance.now() >= deadline) break;
      await new Promise((resolve) => setTimeout(resolve, EXIT_POLL_MS));
    }
    // It closed its output and runs on: that is no short command.
    await this.#kill(exec);
    throw new RuntimeError("the command closed its output and did not end");
  }

  /** Docker alone is known to keep the pid of what has ended: of another engine, none is no word of a start. */
  async #hasBegun(pid: number): Promise<boolean> {
    return pid > 0 || (await this.#engine()) !== "docker";
  }

  /** The pid is the host's, so the kill needs nothing in the image. */
  async #kill(exec: Dockerode.Exec): Promise<void> {
    const { Pid, Running } = await this.#inspect(exec);
    if (Running && Pid > 0) await killTree(Pid);
  }

  #inspect(exec: Dockerode.Exec): Promise<Dockerode.ExecInspectInfo> {
    return this.#call("inspect a command", (_client, abortSignal) => exec.inspect({ abortSignal }));
  }

  /** Commands do not wait for each other: each call is a kind of its own. */
  #call<T>(what: string, perform: (client: Dockerode, signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#calls += 1;
    return this.#docker.call(what, { deadlineMs: QUICK_MS, kind: `exec ${this.#calls}` }, perform);
  }
  #calls = 0;
}

/** Feeds stdin and collects both outputs until the far end closes. */
async function pump(stream: Duplex, stdin: Buffer | null, output: Output): Promise<void> {
  const frames = new OutputFrames((name, bytes) => output.take(name === "stdout" ? name : "stderr", bytes));
  stream.on("data", (chunk: Buffer) => frames.write(chunk));
  const closed = new Promise<void>((resolve) => {
    stream.once("end", resolve);
    stream.once("close", resolve);
    // A command that ends without reading its input breaks the pipe; its exit code tells the rest.
    stream.on("error", () => resolve());
  });
  if (stdin !== null) stream.end(stdin);
  await closed;
}

/** Takes all there is, so that the command is not held up by a full pipe, and keeps the first MAX_EXEC_BYTES. */
class Output {
  readonly #chunks: Record<"stdout" | "stderr", Buffer[]> = { stdout: [], stderr: [] };
  #bytesLeft = MAX_EXEC_BYTES;
  #truncated = false;

  take(name: "stdout" | "stderr", bytes: Buffer): void {
    const stored = bytes.subarray(0, this.#bytesLeft);
    this.#bytesLeft -= stored.length;
    if (stored.length < bytes.length) this.#truncated = true;
    // A copy: a piece of a chunk would keep the whole chunk alive.
    if (stored.length > 0) this.#chunks[name].push(Buffer.from(stored));
  }

  collected(): Printed {
    const { stdout, stderr } = this.#chunks;
    return { stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr), truncated: this.#truncated };
  }
}

async function aborted(signal: AbortSignal): Promise<false> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(false);
    else signal.addEventListener("abort", () => resolve(false), { once: true });
  });
}

async function after(ms: number): Promise<false> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(false), ms).unref();
  });
}
