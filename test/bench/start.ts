/**
 * How long `npm start` takes from the command to a running environment: on an empty state folder, and again on the
 * same one. Libraries, tools and the first image are there already; a new machine fetches those once.
 */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MS_PER_SECOND } from "@remotegpu/shared/units";
import { ensureStarterImage, removeStarterImage } from "@remotegpu/control-plane/quickstart/starter-image";
import { eventually } from "../support/eventually.ts";
import { headLine, ratioLine, valuesLine } from "./comparison.ts";
import { spawnProcess } from "./running-process.ts";
import { freePort } from "../support/engines/free-ports.ts";

const ROUNDS = 3;
const RUNS_WITHIN_MS = 120_000;
/** The step of the story at which the environment runs, and its last words: how to go on. */
const ENVIRONMENT_RUNS = /^6\. /m;
const STORY_TOLD = /^It runs\./m;

/** Seconds since the command. */
type Start = { running: number; told: number };

export async function measureStart(say: (line: string) => void, ending: AsyncDisposableStack): Promise<void> {
  if (await ensureStarterImage()) ending.defer(removeStarterImage);
  const rounds: { cold: Start; warm: Start }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await using folder = await throwawayFolder();
    const state = join(folder.path, "state");
    rounds.push({ cold: await startOnce(state, ending), warm: await startOnce(state, ending) });
  }

  const cold = rounds.map((round) => round.cold);
  const warm = rounds.map((round) => round.warm);
  say(headLine(`npm start → environment runs (${ROUNDS} rounds)`));
  say(
    ratioLine(
      "warm to cold",
      rounds.map((round) => ({ ours: round.warm.running, bare: round.cold.running })),
    ),
  );
  say(
    valuesLine(
      "cold: an empty state folder",
      cold.map(({ running }) => running),
      "s",
    ),
  );
  say(
    valuesLine(
      "warm: the same folder again",
      warm.map(({ running }) => running),
      "s",
    ),
  );
  say(
    valuesLine(
      "cold, until a first charge shows and the story is told",
      cold.map(({ told }) => told),
      "s",
    ),
  );
  say(
    valuesLine(
      "warm, until then",
      warm.map(({ told }) => told),
      "s",
    ),
  );
}

async function startOnce(state: string, ending: AsyncDisposableStack): Promise<Start> {
  const beganMs = performance.now();
  const command = ["npm", "start", "--", "--port", String(await freePort()), "--state", state];
  const start = spawnProcess(command, {
    env: { HOME: tmpdir() },
    logFile: `${state}.log`,
    cwd: join(import.meta.dirname, "../.."),
  });
  ending.defer(() => start.stop());
  const secondsUntil = async (line: RegExp) => {
    await eventually(() => line.test(start.said()), { withinMs: RUNS_WITHIN_MS, what: String(line) });
    return (performance.now() - beganMs) / MS_PER_SECOND;
  };
  const running = await secondsUntil(ENVIRONMENT_RUNS);
  const told = await secondsUntil(STORY_TOLD);
  await start.stop();
  return { running, told };
}

async function throwawayFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), "remotegpu-bench-"));
  // Postgres runs as a user of its own and has to pass through here.
  await chmod(path, 0o711);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
