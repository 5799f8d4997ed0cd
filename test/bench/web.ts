/**
 * A bare web server of Node through the gateway and the tunnel, beside the same behind Debian's nginx as a plain proxy, in
 * turns: answers a second and the CPU time of each, the slowest of a hundred at a fixed rate, 100 MiB both ways, and the
 * memory of WebSockets that say nothing. The gateway runs in this process, with the API of its scene, and
 * collects its garbage as in the product's unit; nginx has two workers; clients have a process.
 */
import { SPARING_MEMORY } from "@remotegpu/control-plane/quickstart/stage";
import { openWebScene, SERVICE_PORT } from "../support/worlds/web-scene.ts";
import { again, collectsQuickly } from "./as-in-units.ts";
import { bareService, nginxBefore } from "./bare-proxies.ts";
import { sceneDatabase } from "./bench-database.ts";
import { headLine, type Pair, ratioLine, valuesLine } from "./comparison.ts";
import { UNBOUND_WEB } from "./unbound-web.ts";
import {
  CLIENTS,
  type Cost,
  costLines,
  headOf,
  inTurns,
  PACED_PER_SECOND,
  type Way,
  WebClients,
} from "./web-ways.ts";

const ROUNDS = 5;
const SOCKETS = 1_000;
const MIB = 1_048_576;
const BODY = 100 * MIB;

export async function measureWeb(say: (line: string) => void, ending: AsyncDisposableStack): Promise<void> {
  if (!collectsQuickly) return await again("web", ending);
  const scene = ending.adopt(
    await openWebScene({ limits: UNBOUND_WEB }, await sceneDatabase(ending), SPARING_MEMORY),
    (one) => one.close(),
  );
  const ours: Way = {
    port: scene.gateway.port,
    headers: `Host: ${scene.hostOf(SERVICE_PORT)}\r\nX-Api-Key: ${scene.owner.key}\r\n`,
  };
  const bare: Way = {
    port: await nginxBefore(await bareService(ending), ending),
    headers: "Host: localhost\r\n",
  };
  const clients = new WebClients(ending);
  const down = async (way: Way) => {
    const head = headOf(way, `/bytes?n=${BODY}`, "Connection: close\r\n");
    return Number(await clients.ask({ what: "bytes", port: way.port, head })) / MIB;
  };
  const up = async (way: Way) => {
    const line = `POST /swallow HTTP/1.1\r\n${way.headers}Content-Length: ${BODY}\r\nConnection: close\r\n\r\n`;
    return Number(await clients.ask({ what: "upload", port: way.port, head: line, bytes: BODY })) / MIB;
  };
  const measured = async (measure: (way: Way) => Promise<number>): Promise<Pair[]> =>
    await inTurns({ ours, bare }, ROUNDS, measure);

  say(headLine(`A bare web server, through the gateway beside nginx (${ROUNDS} rounds)`));
  const tellPair = (pairs: readonly Pair[], unit: "/s" | "ms" | "MiB") => {
    const tell = (what: string, values: readonly number[]) => say(valuesLine(what, values, unit));
    tell(
      "  through the gateway",
      pairs.map((pair) => pair.ours),
    );
    tell(
      "  through nginx",
      pairs.map((pair) => pair.bare),
    );
  };
  const costs: Cost[] = [];
  const rates = await measured(async (way) => {
    if (way === bare) return await clients.rate(way);
    const { perSecond, ...cost } = await clients.rateAndCost(way, scene.access.relayPid);
    costs.push(cost);
    return perSecond;
  });
  say(ratioLine(`answers, ${CLIENTS} clients (aim: 0.30)`, rates));
  tellPair(rates, "/s");
  costLines(costs).forEach(say);
  const slow = await measured((way) => clients.p99(way));
  const more = slow.map((pair) => pair.ours - pair.bare);
  say(valuesLine(`p99 at ${PACED_PER_SECOND} a second, more than nginx's (aim: 1 ms)`, more, "ms"));
  tellPair(slow, "ms");
  const ways = [
    ["down", down],
    ["up", up],
  ] as const;
  for (const [what, measure] of ways) {
    const larges = await measured(measure);
    say(ratioLine(`100 MiB ${what}${what === "down" ? " (aim: 0.50)" : ""}`, larges));
    tellPair(larges, "MiB");
  }
  const head = headOf(ours, "/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\n");
  const memory = await clients.memoryOfIdle(SOCKETS, { port: ours.port, head });
  say(valuesLine(`memory of ${SOCKETS} idle WebSockets`, [memory], "MiB"));
}
