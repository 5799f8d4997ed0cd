/**
 * Another version of a service while clients ask without a pause, small answers and streams: by an upgrade of ours, and as
 * a script does it with haproxy and bare containers: start the new one, enable it, disable the old one, stop it. What failed
 * of each stands beside the other.
 */
import { docker } from "../support/containers/docker.ts";
import { type LoadTold, ServiceLoad, type LoadWish } from "../support/load/service-load.ts";
import { eventually } from "../support/eventually.ts";
import { Haproxy, type Server } from "./bare-proxies.ts";
import { headLine, valuesLine } from "./comparison.ts";
import { REPLICA, ServiceWorld } from "./service-world.ts";

const ROLLOUTS = 2;
const LOAD = { perSecond: 40, streams: 10, streamSeconds: 20 };
const PORT = 8_000;
/** More of them before an end and after it. */
const ANSWERS = 2 * LOAD.perSecond;

type Roll = (nth: number) => Promise<void>;
type Told = LoadTold & { seconds: number[] };

export async function measureServiceRollouts(
  say: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  const { perSecond, streams, streamSeconds } = LOAD;
  say(
    headLine(
      `Another version, ${perSecond} requests a second, ${streams} streams of ${streamSeconds} s (${ROLLOUTS} times)`,
    ),
  );
  const ours = await ourRollouts(ending);
  say(answersLine("an upgrade of ours", ours));
  say(valuesLine("  until only the new version is there", ours.seconds, "s"));
  const script = await scriptedRollouts(ending);
  say(answersLine("haproxy and docker, by a script", script));
  say(valuesLine("  until only the new container is there", script.seconds, "s"));
}

function answersLine(what: string, { short, streams, failed, failures }: Told): string {
  const cut = failures.filter(({ kind }) => kind === "stream").length;
  const first = failed > failures.length ? `of the first ${failures.length} ` : "";
  return `  ${what}: ${short} answers and ${streams} streams whole, ${failed} failed (${first}${cut} streams)`;
}

async function ourRollouts(ending: AsyncDisposableStack): Promise<Told> {
  const world = await ServiceWorld.open(ending);
  const service = await world.serves({ min_replicas: 1, max_replicas: 2 });
  return await rolledUnder({ ...LOAD, ...service.asked }, async (nth) => {
    const wanted = String(nth + 2);
    await service.upgrade(wanted);
    await service.becomes(({ version, instances }) => version === wanted && instances.length === 1);
  });
}

async function scriptedRollouts(ending: AsyncDisposableStack): Promise<Told> {
  const haproxy = await Haproxy.start(ending);
  let old = await startServer(ending);
  await answers(old.server);
  await haproxy.enable(1, old.server);
  const asked = { ports: [haproxy.port], host: "localhost", prefix: "", key: "none" };
  return await rolledUnder({ ...LOAD, ...asked }, async (nth) => {
    const made = await startServer(ending);
    await answers(made.server);
    await haproxy.enable(nth + 2, made.server);
    await haproxy.disable(nth + 1);
    await old.stop();
    old = made;
  });
}

async function rolledUnder(wish: LoadWish, roll: Roll): Promise<Told> {
  await using load = await ServiceLoad.begin(wish);
  const seconds: number[] = [];
  for (let nth = 0; nth < ROLLOUTS; nth += 1) {
    await load.answers(ANSWERS);
    const beganMs = performance.now();
    await roll(nth);
    seconds.push((performance.now() - beganMs) / 1_000);
  }
  await load.answers(ANSWERS);
  return { ...(await load.stop()), seconds };
}

/** What the replicas of ours run, in a bare container. */
async function startServer(
  ending: AsyncDisposableStack,
): Promise<{ server: Server; stop: () => Promise<void> }> {
  const container = await docker.createContainer({
    Image: REPLICA.image,
    Cmd: ["/bin/sh", "-c", REPLICA.command],
    Env: [`PORT=${PORT}`],
    Labels: { "remotegpu-bench": "rollout" },
  });
  ending.defer(() => container.remove({ force: true }));
  await container.start();
  const { NetworkSettings } = await container.inspect();
  const address = NetworkSettings.Networks["bridge"]?.IPAddress ?? "";
  return { server: { address, port: PORT }, stop: async () => void (await container.stop()) };
}

async function answers({ address, port }: Server): Promise<void> {
  await eventually(async () => (await fetch(`http://${address}:${port}/health`)).ok, {
    what: "the new container",
  });
}
