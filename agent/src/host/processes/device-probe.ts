/**
 * Asks the kernel whether a container may use device nodes of the host, by a child of ours that enters its control group
 * for that (toolbox-device-access.c). Neither the driver nor the container runtime is called. One child at a time; one that
 * is not done in time is killed, and while it is still there nobody is asked.
 */
import { spawn, type ChildProcess } from "node:child_process";
import type { CardNode } from "../../core/container/card-nodes.ts";
import type { NodeErrors } from "../../core/container/device-access.ts";
import type { ContainerGroups } from "./container-groups.ts";
import { readProcessStart } from "./process-liveness.ts";

const DEADLINE_MS = 1_000;
/** Two numbers a node, of which a container has few. */
const MAX_ANSWER = 4_096;
const LINE = /^(\d{1,4}) (\d{1,4})$/;

export class DeviceProbe {
  readonly #program: string;
  readonly #groups: Pick<ContainerGroups, "deviceProcsOf" | "isFrozen" | "disregard">;
  #isOut = false;

  /** @param parts.program of the toolbox */
  constructor(parts: {
    program: string;
    groups: Pick<ContainerGroups, "deviceProcsOf" | "isFrozen" | "disregard">;
  }) {
    this.#program = parts.program;
    this.#groups = parts.groups;
  }

  /**
   * @param pid of the container's first process, as the runtime tells it
   * @returns the errors of each node; null where nothing is known: it is held still, it has ended, the child was too late
   */
  async errorsOf(
    { containerId, pid }: { containerId: string; pid: number },
    nodes: readonly CardNode[],
  ): Promise<NodeErrors[] | null> {
    // What is held still would hold the child, too.
    if (this.#isOut || this.#groups.isFrozen(containerId, pid)) return null;
    const procs = this.#groups.deviceProcsOf(containerId, pid);
    const startTicks = await readProcessStart(pid);
    if (procs === null || startTicks === null) return null;
    const pairs = nodes.flatMap(({ node, inside }) => [node, `/proc/${pid}/root${inside}`]);
    const errors = nodeErrors(await this.#request([procs, ...pairs]));
    // Rules go with their container, and a look into one that is gone is a look into nothing.
    return (await readProcessStart(pid)) === startTicks ? errors : null;
  }

  /** What the child said; null where it failed or was killed. */
  async #request(args: readonly string[]): Promise<string | null> {
    if (this.#isOut) return null;
    // Throws where the child cannot even be tried; then none is out.
    const child: ChildProcess = spawn(this.#program, args, { stdio: ["ignore", "pipe", "ignore"] });
    this.#isOut = true;
    const gone = new Promise<number | null>((resolve) => {
      child.once("error", () => resolve(null));
      child.once("close", (exitCode) => resolve(exitCode));
    });
    const release = child.pid === undefined ? () => undefined : this.#groups.disregard(child.pid);
    let text = "";
    // Where no file could be opened for it, the child has no output; its error follows.
    child.stdout?.setEncoding("latin1").on("data", (piece: string) => {
      if (text.length < MAX_ANSWER) text += piece;
    });
    const ended = gone.then((exitCode) => {
      release();
      this.#isOut = false;
      return exitCode === 0 ? text : null;
    });
    return await within(ended, () => child.kill("SIGKILL"));
  }
}

/** Null after the deadline, with what is to be done about it. */
async function within(answer: Promise<string | null>, end: () => void): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => {
      end();
      resolve(null);
    }, DEADLINE_MS);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

function nodeErrors(text: string | null): NodeErrors[] | null {
  if (text === null) return null;
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line) => LINE.exec(line));
  const errors = lines.flatMap((found) =>
    found === null ? [] : [{ access: Number(found[1]), lookup: Number(found[2]) }],
  );
  return errors.length === lines.length ? errors : null;
}
