/**
 * What a service of a running container has said, read in the container by our own program (toolbox-service-log.c) and
 * passed on as it comes: a reader that is slow holds that program back, and nothing else. The program ends with its
 * input, so that none is left behind whoever of the readers goes, this process included.
 */
import type { Duplex } from "node:stream";
import { TOOLBOX_TARGET } from "../../core/container/container-spec.ts";
import { unstartedCommand } from "../../core/container/unstarted-command.ts";
import { QUICK_MS, type Docker } from "../docker/docker.ts";
import { isStatus, runtimeFailure } from "../docker/runtime-error.ts";
import { OutputFrames } from "./output-frames.ts";

const PROGRAM = `${TOOLBOX_TARGET}/service-log`;

export type ServiceQuery = {
  containerId: string;
  /** As the program knows it: "jupyter". */
  service: string;
  /** How many of the last lines to begin with, all that are kept, or all since the container was started. */
  from: number | "all" | "this-life";
  /** True: goes on until the container ends. */
  follow: boolean;
  signal: AbortSignal;
};

let requested = 0;

/**
 * Ends when all is read, and when the container ends or is gone. Of a container that was made before there were such
 * outputs there is nothing.
 * @throws RuntimeError, RuntimeDown; whatever `signal` was aborted with
 */
export async function* serviceOutput(docker: Docker, query: ServiceQuery): AsyncGenerator<Buffer> {
  const { service, signal } = query;
  const stream = await begun(docker, query);
  if (stream === null) return;
  const giveUp = () => void stream.destroy();
  signal.addEventListener("abort", giveUp, { once: true });
  if (signal.aborted) giveUp();
  let pieces: Buffer[] = [];
  let isFirst = true;
  const frames = new OutputFrames((_output, bytes) => pieces.push(bytes));
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      frames.write(chunk);
      const bytes = Buffer.concat(pieces);
      pieces = [];
      if (bytes.length === 0) continue;
      // The runtime's own words, where there is no such program.
      if (isFirst && unstartedCommand(bytes.toString()) !== null) return;
      isFirst = false;
      yield bytes;
    }
    signal.throwIfAborted();
  } catch (cause) {
    throw signal.aborted ? signal.reason : runtimeFailure(`read the output of ${service}`, cause);
  } finally {
    signal.removeEventListener("abort", giveUp);
    stream.destroy();
  }
}

/** Null where the container does not run (any more). */
async function begun(
  docker: Docker,
  { containerId, service, from, follow }: ServiceQuery,
): Promise<Duplex | null> {
  requested += 1;
  const kind = `service output ${requested}`;
  const how = { deadlineMs: QUICK_MS, kind };
  try {
    const exec = await docker.call("prepare to read an output", how, (client, abortSignal) =>
      client.getContainer(containerId).exec({
        Cmd: [PROGRAM, service, String(from), ...(follow ? ["follow"] : [])],
        AttachStdin: true,
        AttachStdout: true,
        AttachStderr: false,
        Tty: false,
        abortSignal,
      }),
    );
    return await docker.call("read an output", how, () => exec.start({ hijack: true, stdin: true }));
  } catch (error) {
    // 409: paused or stopped. 404: gone.
    if (isStatus(error, 409) || isStatus(error, 404)) return null;
    throw error;
  }
}
