/** How long a keystroke takes until its echo is seen, at a terminal inside a container. */
import { once } from "node:events";
import type { Duplex, Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { docker } from "../support/containers/docker.ts";

/** As a person types, so that nothing comes together with the next. */
const BETWEEN_MS = 5;

export interface Echo {
  p50: number;
  p99: number;
}

/** Milliseconds, over so many keystrokes. */
export async function echoOf(
  { input, output }: { input: Writable; output: Readable },
  keystrokes: number,
): Promise<Echo> {
  const tookMs: number[] = [];
  for (let count = 0; count < keystrokes; count += 1) {
    const beganMs = performance.now();
    input.write("x");
    await once(output, "data");
    tookMs.push(performance.now() - beganMs);
    await delay(BETWEEN_MS);
  }
  const sorted = tookMs.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

/** As `docker exec -it` has it, over Docker's own interface. */
export async function dockerTerminal(containerId: string): Promise<Duplex> {
  const made = await docker
    .getContainer(containerId)
    .exec({ Cmd: ["cat"], Tty: true, AttachStdin: true, AttachStdout: true, AttachStderr: true });
  return await made.start({ hijack: true, stdin: true, Tty: true });
}
