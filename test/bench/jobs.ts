/**
 * What an order costs beside its work: how long a job that does nothing takes from its order until the API says that
 * it is completed, and how many of them a second a host with simulated GPUs gets through, one GPU each. Beside both
 * stands `docker run --rm` of the same image and command, and beside the second what Slurm gets through, whose jobs are
 * processes of this machine.
 */
import { setTimeout as delay } from "node:timers/promises";
import { execa, ExecaError } from "execa";
import {
  ensureStarterImage,
  removeStarterImage,
  STARTER_IMAGE,
} from "@remotegpu/control-plane/quickstart/starter-image";
import { MS_PER_SECOND } from "@remotegpu/shared/units";
import { SETTLE_MS } from "./bare-docker.ts";
import { headLine, type Pair, ratioLine, valuesLine } from "./comparison.ts";
import { Product } from "./product.ts";
import { Slurm } from "./slurm.ts";

const ROUNDS = 9;
/** Both processes run for weeks, and their code is slow until it has run for a while. */
const JOBS_BEFORE = 12;
const ASK_EVERY_MS = 20;
const JOB = { image: STARTER_IMAGE, command: "true" };

/** So many at a time run, and as many bare ones. */
const GPUS = 8;
const BURSTS = 3;
const BURST = 32;

export async function measureJobs(say: (line: string) => void, ending: AsyncDisposableStack): Promise<void> {
  if (await ensureStarterImage()) ending.defer(removeStarterImage);
  const product = await Product.start(ending, { gpus: GPUS });
  await product.startAgent();
  for (let job = 0; job < JOBS_BEFORE; job += 1) await jobOnce(product);

  const rounds: Pair[] = [];
  while (rounds.length < ROUNDS) rounds.push({ ours: await jobOnce(product), bare: await bareOnce() });
  say(headLine(`Job that does nothing ordered → completed (${ROUNDS} rounds)`));
  say(ratioLine("to `docker run --rm`, which also removes its container", rounds));
  tellValues(say, rounds, "ms");

  const slurm = await slurmOrWhyNot(say, ending);
  await slurm?.burst(GPUS);
  const bursts: Pair[] = [];
  const besideSlurm: Pair[] = [];
  while (bursts.length < BURSTS) {
    let ids: string[] = [];
    const ours = await rateOf(async () => {
      ids = await product.endedJobs(BURST, { ...JOB, gpu: 1 });
    });
    for (const id of ids) await product.completed(id, { askEveryMs: ASK_EVERY_MS });
    await delay(SETTLE_MS);
    bursts.push({ ours, bare: await rateOf(bareBurst) });
    await delay(SETTLE_MS);
    if (slurm !== null) besideSlurm.push({ ours, bare: await rateOf(() => slurm.burst(BURST)) });
  }
  say(headLine(`${BURST} jobs that do nothing, one of ${GPUS} simulated GPUs each (${BURSTS} times)`));
  say(ratioLine(`to \`docker run --rm\`, ${GPUS} at a time (more is faster)`, bursts));
  tellValues(say, bursts, "/s");
  if (slurm === null) return;
  say(ratioLine(`to Slurm's sbatch, ${GPUS} at a time (more is faster)`, besideSlurm));
  const bySlurm = besideSlurm.map(({ bare }) => bare);
  say(valuesLine("sbatch", bySlurm, "/s"));
}

async function slurmOrWhyNot(
  say: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<Slurm | null> {
  try {
    return await Slurm.start(ending, { gpus: GPUS });
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    say(`Left out: Slurm beside it, which could not be laid from Debian's packages (${error.shortMessage})`);
    return null;
  }
}

function tellValues(say: (line: string) => void, pairs: readonly Pair[], unit: "ms" | "/s"): void {
  const values = (what: string, of: (pair: Pair) => number) => say(valuesLine(what, pairs.map(of), unit));
  values("ours", ({ ours }) => ours);
  values("docker run --rm", ({ bare }) => bare);
}

async function jobOnce(product: Product): Promise<number> {
  return await settled(async () => {
    const id = await product.orderJob(JOB);
    await product.completed(id, { askEveryMs: ASK_EVERY_MS });
  });
}

async function bareOnce(): Promise<number> {
  return await settled(dockerRun);
}

/** Milliseconds; what is left to the runtime to do must not slow the next. */
async function settled(work: () => Promise<void>): Promise<number> {
  const beganMs = performance.now();
  await work();
  const tookMs = performance.now() - beganMs;
  await delay(SETTLE_MS);
  return tookMs;
}

async function dockerRun(): Promise<void> {
  await execa`docker run --rm ${JOB.image} /bin/sh -c ${JOB.command}`;
}

async function bareBurst(): Promise<void> {
  let left = BURST;
  const worker = async () => {
    for (; left > 0;) {
      left -= 1;
      await dockerRun();
    }
  };
  await Promise.all(Array.from({ length: GPUS }, worker));
}

/** Jobs a second. */
async function rateOf(burst: () => Promise<void>): Promise<number> {
  const beganMs = performance.now();
  await burst();
  return (BURST * MS_PER_SECOND) / (performance.now() - beganMs);
}
