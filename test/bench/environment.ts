/**
 * How long an order takes until its container runs, beside the same image and command by a bare `docker run -d`.
 * The three ways of a round follow each other at once, so that a busy machine slows all of them.
 */
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import {
  ensureStarterImage,
  removeStarterImage,
  STARTER_IMAGE,
} from "@remotegpu/control-plane/quickstart/starter-image";
import { LABEL } from "@remotegpu/agent/core/container";
import { docker } from "../support/docker.ts";
import { headLine, ratioLine, valuesLine } from "./comparison.ts";
import { Product } from "./product.ts";
import { StartedContainers } from "./started-containers.ts";

const ROUNDS = 10;
const SETTLE_MS = 400;
const ASK_EVERY_MS = 20;
const COMMAND = "sleep 100000";
const BARE_LABEL = "remotegpu-bench";

/** Milliseconds since the order. */
type Round = {
  ours: number;
  oursByApi: number;
  dockerRun: number;
  dockerRunReturned: number;
  dockerApi: number;
};

export async function measureEnvironment(
  say: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  if (await ensureStarterImage()) ending.defer(removeStarterImage);
  const started = ending.use(await StartedContainers.watch());
  const product = await Product.start(ending);
  await product.startAgent();
  await roundOf(product, started);

  say(headLine(`Environment ordered → container runs (${ROUNDS} rounds)`));
  tell(say, "first of its workspace on the host", await roundsOf(product, started));
  const neighbour = await product.order({ image: STARTER_IMAGE });
  await product.running(neighbour, { askEveryMs: ASK_EVERY_MS });
  tell(say, "beside another of its workspace", await roundsOf(product, started));
}

async function roundsOf(product: Product, started: StartedContainers): Promise<Round[]> {
  const rounds: Round[] = [];
  for (let round = 0; round < ROUNDS; round += 1) rounds.push(await roundOf(product, started));
  return rounds;
}

async function roundOf(product: Product, started: StartedContainers): Promise<Round> {
  return {
    ...(await orderOnce(product, started)),
    ...(await dockerRunOnce(started)),
    ...(await dockerApiOnce(started)),
  };
}

async function orderOnce(
  product: Product,
  started: StartedContainers,
): Promise<Pick<Round, "ours" | "oursByApi">> {
  const running = started.next(LABEL.host, product.hostId);
  const beganMs = performance.now();
  const id = await product.order({ image: STARTER_IMAGE, config: { command: COMMAND } });
  const ours = (await running) - beganMs;
  await product.running(id, { askEveryMs: ASK_EVERY_MS });
  const oursByApi = performance.now() - beganMs;
  await product.remove([id]);
  await delay(SETTLE_MS);
  return { ours, oursByApi };
}

async function dockerRunOnce(
  started: StartedContainers,
): Promise<Pick<Round, "dockerRun" | "dockerRunReturned">> {
  const running = started.next(BARE_LABEL, "run");
  const beganMs = performance.now();
  const label = `${BARE_LABEL}=run`;
  const { stdout: containerId } =
    await execa`docker run -d --label ${label} ${STARTER_IMAGE} /bin/sh -c ${COMMAND}`;
  const dockerRunReturned = performance.now() - beganMs;
  const dockerRun = (await running) - beganMs;
  await removeContainer(containerId);
  return { dockerRun, dockerRunReturned };
}

async function dockerApiOnce(started: StartedContainers): Promise<Pick<Round, "dockerApi">> {
  const running = started.next(BARE_LABEL, "api");
  const beganMs = performance.now();
  const container = await docker.createContainer({
    Image: STARTER_IMAGE,
    Cmd: ["/bin/sh", "-c", COMMAND],
    Labels: { [BARE_LABEL]: "api" },
  });
  await container.start();
  const dockerApi = (await running) - beganMs;
  await removeContainer(container.id);
  return { dockerApi };
}

async function removeContainer(containerId: string): Promise<void> {
  await docker.getContainer(containerId).remove({ force: true });
  await delay(SETTLE_MS);
}

function tell(say: (line: string) => void, which: string, rounds: Round[]): void {
  const pairs = (
    bare: "dockerRun" | "dockerRunReturned" | "dockerApi",
    ours: "ours" | "oursByApi" = "ours",
  ) => rounds.map((round) => ({ ours: round[ours], bare: round[bare] }));
  const values = (key: keyof Round) => rounds.map((round) => round[key]);
  say(` ${which}`);
  say(ratioLine("to `docker run -d` (aim: 1.20)", pairs("dockerRun")));
  say(ratioLine("until the API says running, to `docker run -d`", pairs("dockerRun", "oursByApi")));
  say(ratioLine("to docker's create and start over HTTP", pairs("dockerApi")));
  say(valuesLine("ours: container runs", values("ours"), "ms"));
  say(valuesLine("ours: the API says running", values("oursByApi"), "ms"));
  say(valuesLine("docker run -d: container runs", values("dockerRun"), "ms"));
  say(valuesLine("docker run -d: returns", values("dockerRunReturned"), "ms"));
  say(valuesLine("docker's create and start over HTTP: container runs", values("dockerApi"), "ms"));
}
