/** The bare ways to a running container, by hand and without us. Each cleans up what it made. */
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { docker } from "../support/containers/docker.ts";
import type { StartedContainers } from "./started-containers.ts";

const LABEL = "remotegpu-bench";
const NETWORK = "remotegpu-bench";
/** What a removal leaves to the runtime to do must not slow the next measurement. */
export const SETTLE_MS = 400;

export type Container = { image: string; command: string };
/** Milliseconds until the container runs, and until the command is back. */
export type Took = { runsMs: number; returnsMs: number };

export async function dockerRun(container: Container, started: StartedContainers): Promise<Took> {
  return inTime("run", started, () => runDetached("run", container, "bridge"));
}

/** A bridge is made for it, as one is for the first container of a workspace. */
export async function dockerRunInNewNetwork(container: Container, started: StartedContainers): Promise<Took> {
  try {
    return await inTime("network", started, async () => {
      await execa`docker network create ${NETWORK}`;
      return runDetached("network", container, NETWORK);
    });
  } finally {
    await execa({ reject: false })`docker network rm ${NETWORK}`;
    await delay(SETTLE_MS);
  }
}

/** Without the command line's own start-up. */
export async function dockerOverHttp(
  { image, command }: Container,
  started: StartedContainers,
): Promise<Took> {
  return inTime("http", started, async () => {
    const container = await docker.createContainer({
      Image: image,
      Cmd: ["/bin/sh", "-c", command],
      Labels: { [LABEL]: "http" },
    });
    await container.start();
    return container.id;
  });
}

async function runDetached(route: string, { image, command }: Container, network: string): Promise<string> {
  const label = `${LABEL}=${route}`;
  const { stdout: containerId } =
    await execa`docker run -d --label ${label} --network ${network} ${image} /bin/sh -c ${command}`;
  return containerId;
}

async function inTime(route: string, started: StartedContainers, run: () => Promise<string>): Promise<Took> {
  const running = started.next(LABEL, route);
  const beganMs = performance.now();
  const containerId = await run();
  const returnsMs = performance.now() - beganMs;
  const runsMs = (await running) - beganMs;
  await docker.getContainer(containerId).remove({ force: true });
  await delay(SETTLE_MS);
  return { runsMs, returnsMs };
}
