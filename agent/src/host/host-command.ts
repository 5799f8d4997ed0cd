/**
 * Runs one command of the host to its end or to its deadline, whichever comes first. A child that even SIGKILL
 * does not end (a driver call that never returns) is left behind, and the caller is told until it is gone.
 */
import { execa } from "execa";

export type CommandOutcome =
  | { kind: "ended"; exitCode: number; stdout: string; stderr: string }
  | { kind: "missing"; cause: unknown }
  /** With what came until then. */
  | { kind: "too-much-output"; stdout: string }
  | { kind: "hung" };

export class HostCommand {
  readonly path: string;
  readonly #maxOutputBytes: number;
  readonly #environment: Readonly<Record<string, string>>;
  /** Resolves when the last child is gone; null when none is running. */
  #running: Promise<unknown> | null = null;

  /** `environment` is added to our own. */
  constructor({
    path,
    maxOutputBytes,
    environment = {},
  }: {
    path: string;
    maxOutputBytes: number;
    environment?: Readonly<Record<string, string>>;
  }) {
    this.path = path;
    this.#maxOutputBytes = maxOutputBytes;
    this.#environment = environment;
  }

  /** The command never sees a shell. One child at a time: while an earlier one lives, the answer is "hung". */
  async run(args: readonly string[], { deadlineMs }: { deadlineMs: number }): Promise<CommandOutcome> {
    if (this.#running !== null) return { kind: "hung" };
    // In a process group of its own, so that what the command itself started is ended with it.
    const child = execa(this.path, args, {
      reject: false,
      detached: true,
      cleanup: false,
      stdin: "ignore",
      env: this.#environment,
      maxBuffer: this.#maxOutputBytes,
    });
    const ended = child.then((result): CommandOutcome => {
      if (result.isMaxBuffer) {
        if (child.pid !== undefined) killGroup(child.pid);
        return { kind: "too-much-output", stdout: result.stdout };
      }
      if (result.exitCode === undefined && result.signal === undefined)
        return { kind: "missing", cause: result.cause };
      return {
        kind: "ended",
        exitCode: result.exitCode ?? 128,
        stdout: result.stdout,
        stderr: result.stderr,
      };
    });
    this.#running = ended.finally(() => {
      this.#running = null;
    });
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<CommandOutcome>((resolve) => {
      timer = setTimeout(() => {
        if (child.pid !== undefined) killGroup(child.pid);
        resolve({ kind: "hung" });
      }, deadlineMs);
    });
    try {
      return await Promise.race([ended, deadline]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch (error) {
    // The group has ended by itself meanwhile.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
