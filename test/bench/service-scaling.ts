/**
 * How soon a service has what its load needs: from the first request to one that sleeps until all that came are answered,
 * and from a step of its load until one replica more serves. Beside each stands `docker run` of the same image and command.
 */
import { setTimeout as delay } from "node:timers/promises";
import { dockerRun } from "./bare-docker.ts";
import { headLine, type Pair, valuesLine } from "./comparison.ts";
import { type BenchService, REPLICA, ServiceWorld } from "./service-world.ts";
import { StartedContainers } from "./started-containers.ts";

const WAKES = 5;
const STEPS = 3;
/** That come at once. */
const QUESTIONS = 20;
/** Requests at once that one replica is to carry. */
const TARGET = 4;
const WINDOW_MS = 6_000;
/** A service that began to serve so long ago is looked at as any other: its load has been known for a window. */
const SETTLED_MS = 10_000;
const DOCKER_STARTS = 1.5;

export async function measureServiceScaling(
  print: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  const world = await ServiceWorld.open(ending);
  const started = ending.use(await StartedContainers.watch());
  const bareMs = async () => (await dockerRun(REPLICA, started)).runsMs;
  await bareMs();

  const sleeper = await world.serves({
    min_replicas: 0,
    max_replicas: 1,
    autoscaling_enabled: true,
    autoscaling_config: { target_in_flight: QUESTIONS, scale_to_zero_after: 1, scale_down_delay: 0 },
  });
  const wakes: Pair[] = [];
  const again: number[] = [];
  let lost = 0;
  while (wakes.length < WAKES) {
    await sleeper.becomes(({ instances }) => instances.length === 0);
    const bare = await bareMs();
    const woken = await requestedAtOnce(sleeper);
    lost += woken.lost;
    wakes.push({ ours: woken.tookMs, bare });
    // What of it is the answers themselves, of which a bare container gives none.
    again.push((await requestedAtOnce(sleeper)).tookMs);
  }
  await sleeper.delete();
  print(headLine(`A service sleeps and ${QUESTIONS} requests come at once (${WAKES} times)`));
  report(print, "until all are answered", { pairs: wakes, allowedMs: 0, aim: "500 ms" });
  print(valuesLine("  as many asked at once of the replica that serves by then", again, "ms"));
  print(`  not answered: ${lost} of ${QUESTIONS * WAKES} (aim: 0)`);

  const steps: Pair[] = [];
  while (steps.length < STEPS) {
    const bare = await bareMs();
    steps.push({ ours: await stepOnce(world), bare });
  }
  print(headLine(`From 0 to ${3 * TARGET} requests at once, ${TARGET} a replica (${STEPS} times)`));
  report(print, "until one replica more serves", { pairs: steps, allowedMs: WINDOW_MS, aim: "1000 ms" });
}

function report(
  print: (line: string) => void,
  what: string,
  { pairs, allowedMs, aim }: { pairs: Pair[]; allowedMs: number; aim: string },
): void {
  const values = (words: string, of: (pair: Pair) => number) => print(valuesLine(words, pairs.map(of), "ms"));
  values(what, ({ ours }) => ours);
  values("  docker run -d: container runs", ({ bare }) => bare);
  const window = allowedMs === 0 ? "" : `${allowedMs} ms and `;
  values(
    `  more than ${window}1.5 of docker's (aim: ${aim})`,
    ({ ours, bare }) => ours - allowedMs - DOCKER_STARTS * bare,
  );
}

async function requestedAtOnce(service: BenchService): Promise<{ tookMs: number; lost: number }> {
  const beganMs = performance.now();
  const requested = Array.from({ length: QUESTIONS }, () => service.request("/").then((answer) => answer.ok));
  const answered = await Promise.allSettled(requested);
  const whole = answered.filter((one) => one.status === "fulfilled" && one.value).length;
  return { tookMs: performance.now() - beganMs, lost: QUESTIONS - whole };
}

async function stepOnce(world: ServiceWorld): Promise<number> {
  const service = await world.serves({
    min_replicas: 1,
    max_replicas: 2,
    autoscaling_enabled: true,
    autoscaling_config: { target_in_flight: TARGET },
  });
  await delay(SETTLED_MS);
  const over = new AbortController();
  const beganMs = performance.now();
  const streams = Array.from({ length: 3 * TARGET }, () => service.request("/stream/60", over.signal));
  await service.becomes(({ ready_replicas: ready }) => ready === 2);
  const tookMs = performance.now() - beganMs;
  over.abort();
  await Promise.allSettled(streams);
  await service.delete();
  return tookMs;
}
