/**
 * How long an order takes until its container runs, beside the same image and command by bare docker. The ways of a
 * round follow each other at once, so that a busy machine slows all of them.
 */
import { setTimeout as delay } from "node:timers/promises";
import {
  ensureStarterImage,
  removeStarterImage,
  STARTER_IMAGE,
} from "@remotegpu/control-plane/server/quickstart/starter-image";
import { LABEL } from "@remotegpu/agent/core/container/container";
import { dockerOverHttp, dockerRun, dockerRunInNewNetwork, SETTLE_MS, type Took } from "./bare-docker.ts";
import { headLine, ratioLine, valuesLine } from "./comparison.ts";
import { Product } from "./product.ts";
import { StartedContainers } from "./started-containers.ts";

const ROUNDS = 10;
/** Both processes run for weeks, and their code is slow until it has run for a while. */
const ORDERS_BEFORE = 12;
const POLL_MS = 20;
const CONTAINER = { image: STARTER_IMAGE, command: "sleep 100000" };

/** With the order's `returnsMs` being when the API says that it runs. */
type Round = { order: Took; run: Took; runInNewNetwork: Took; overHttp: Took };

export async function measureEnvironment(
  print: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  if (await ensureStarterImage()) ending.defer(removeStarterImage);
  const started = ending.use(await StartedContainers.watch());
  const product = await Product.start(ending);
  await product.startAgent();
  for (let order = 0; order < ORDERS_BEFORE; order += 1) await orderOnce(product, started);

  print(headLine(`Environment ordered → container runs (${ROUNDS} rounds)`));
  const first = await roundsOf(product, started);
  print(" first of its workspace on the host, for which a bridge is made");
  reportCommon(print, first);
  const inNewNetwork = pairsOf(first, ({ runInNewNetwork }) => runInNewNetwork.runsMs);
  print(ratioLine("to `docker network create` and `docker run -d` in it", inNewNetwork));
  reportValues(print, first);

  const neighbour = await product.order({ image: STARTER_IMAGE });
  await product.running(neighbour, { requestEveryMs: POLL_MS });
  const beside = await roundsOf(product, started);
  print(" beside another of its workspace");
  reportCommon(print, beside);
  reportValues(print, beside);
}

async function roundsOf(product: Product, started: StartedContainers): Promise<Round[]> {
  const rounds: Round[] = [];
  while (rounds.length < ROUNDS)
    rounds.push({
      order: await orderOnce(product, started),
      run: await dockerRun(CONTAINER, started),
      runInNewNetwork: await dockerRunInNewNetwork(CONTAINER, started),
      overHttp: await dockerOverHttp(CONTAINER, started),
    });
  return rounds;
}

async function orderOnce(product: Product, started: StartedContainers): Promise<Took> {
  const { image, command } = CONTAINER;
  const running = started.next(LABEL.host, product.hostId);
  const beganMs = performance.now();
  const id = await product.order({ image, config: { command } });
  const runsMs = (await running) - beganMs;
  // Only now, so that asking does not slow the start.
  await product.running(id, { requestEveryMs: POLL_MS });
  const returnsMs = performance.now() - beganMs;
  await product.remove([id]);
  await delay(SETTLE_MS);
  return { runsMs, returnsMs };
}

function pairsOf(
  rounds: Round[],
  bare: (round: Round) => number,
  ours = (round: Round) => round.order.runsMs,
) {
  return rounds.map((round) => ({ ours: ours(round), bare: bare(round) }));
}

function reportCommon(print: (line: string) => void, rounds: Round[]): void {
  const run = (round: Round) => round.run.runsMs;
  print(ratioLine("to `docker run -d` (aim: 1.20)", pairsOf(rounds, run)));
  const untilPrinted = pairsOf(rounds, run, ({ order }) => order.returnsMs);
  print(ratioLine("until the API says running, to `docker run -d`", untilPrinted));
  const overHttp = pairsOf(rounds, (round) => round.overHttp.runsMs);
  print(ratioLine("to docker's create and start over HTTP", overHttp));
}

function reportValues(print: (line: string) => void, rounds: Round[]): void {
  const values = (what: string, of: (round: Round) => number) =>
    print(valuesLine(what, rounds.map(of), "ms"));
  values("ours: container runs", ({ order }) => order.runsMs);
  values("ours: the API says running", ({ order }) => order.returnsMs);
  values("docker run -d: container runs", ({ run }) => run.runsMs);
  values("docker run -d: returns", ({ run }) => run.returnsMs);
}
