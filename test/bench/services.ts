/**
 * A bare web server of Node as the one replica of an inference service, through the gateway's door of services and the
 * tunnel, beside the same program behind Debian's nginx and haproxy as plain proxies, in turns: answers a second and the CPU
 * time of each, also where the program ends its connection after each, the slowest of a hundred at a fixed rate, and the
 * memory of event streams that say nothing. The gateway runs in this process, with the API of its scene, and collects its
 * garbage as in the product's unit; nginx has two workers, haproxy two threads; clients have a process.
 */
import { SPARING_MEMORY } from "@remotegpu/control-plane/server/quickstart/stage";
import { ServedScene } from "../support/worlds/served-scene.ts";
import { openWebScene } from "../support/worlds/web-scene.ts";
import { again, collectsQuickly } from "./as-in-units.ts";
import { bareService, Haproxy, nginxBefore } from "./bare-proxies.ts";
import { sceneDatabase } from "./bench-database.ts";
import { headLine, ratioLine, valuesLine } from "./comparison.ts";
import { UNBOUND_WEB } from "./unbound-web.ts";
import {
  CLIENTS,
  type Cost,
  costLines,
  headOf,
  inTurns,
  PACED_PER_SECOND,
  type Route,
  WebClients,
} from "./web-routes.ts";

const ROUNDS = 5;
const STREAMS = 1_000;
/** A path at which each answer is the last on its connection. */
const CLOSING = "/closing";

type Measured = Record<"ours" | "nginx" | "haproxy", number>;

export async function measureServices(
  print: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  if (!collectsQuickly) return await again("services", ending);
  const web = ending.adopt(
    await openWebScene({ limits: UNBOUND_WEB }, await sceneDatabase(ending), SPARING_MEMORY),
    (one) => one.close(),
  );
  const served = ending.use(await ServedScene.begin(web, { replicas: 1 }));
  const service = await bareService(ending);
  const haproxy = await Haproxy.start(ending);
  await haproxy.enable(1, { address: "127.0.0.1", port: service });
  const ours: Route = {
    port: web.gateway.port,
    headers: `Host: ${web.base.domain}\r\nAuthorization: Bearer ${served.key}\r\n`,
    prefix: `/services/${served.id}`,
  };
  const bare = (port: number): Route => ({ port, headers: "Host: localhost\r\n" });
  const routes = { ours, nginx: bare(await nginxBefore(service, ending)), haproxy: bare(haproxy.port) };
  const clients = new WebClients(ending);

  print(headLine(`A replica of a service, through the gateway beside proxies (${ROUNDS} rounds)`));
  const costs: Cost[] = [];
  const rates = await inTurns(routes, ROUNDS, async (route) => {
    if (route !== ours) return await clients.rate(route);
    const { perSecond, ...cost } = await clients.rateAndCost(route, web.access.relayPid);
    costs.push(cost);
    return perSecond;
  });
  for (const proxy of ["nginx", "haproxy"] as const)
    print(
      ratioLine(
        `answers to ${proxy}'s, ${CLIENTS} clients (aim: 0.30)`,
        rates.map((round) => ({ ours: round.ours, bare: round[proxy] })),
      ),
    );
  eachRoute(rates, "/s").forEach(print);
  costLines(costs).forEach(print);

  const closingCosts: Cost[] = [];
  const closing = await inTurns({ ours, nginx: routes.nginx }, ROUNDS, async (route) => {
    if (route !== ours) return await clients.rate(route, CLOSING);
    const { perSecond, ...cost } = await clients.rateAndCost(route, web.access.relayPid, CLOSING);
    closingCosts.push(cost);
    return perSecond;
  });
  print(
    ratioLine(
      "answers to nginx's, each the last on its connection to the replica",
      closing.map((round) => ({ ours: round.ours, bare: round.nginx })),
    ),
  );
  costLines(closingCosts).forEach(print);

  const slow = await inTurns(routes, ROUNDS, (route) => clients.p99(route));
  for (const proxy of ["nginx", "haproxy"] as const)
    print(
      valuesLine(
        `p99 at ${PACED_PER_SECOND} a second, more than ${proxy}'s (aim: 1 ms)`,
        slow.map((round) => round.ours - round[proxy]),
        "ms",
      ),
    );
  eachRoute(slow, "ms").forEach(print);

  const memory = await clients.memoryOfIdle(STREAMS, {
    port: ours.port,
    head: headOf(ours, "/events", "Accept: text/event-stream\r\n"),
  });
  print(valuesLine(`memory of ${STREAMS} idle event streams (aim: 30 MiB)`, [memory], "MiB"));
}

function eachRoute(rounds: readonly Measured[], unit: "/s" | "ms"): string[] {
  const NAMES = { ours: "the gateway", nginx: "nginx", haproxy: "haproxy" } as const;
  return (["ours", "nginx", "haproxy"] as const).map((route) =>
    valuesLine(
      `  through ${NAMES[route]}`,
      rounds.map((round) => round[route]),
      unit,
    ),
  );
}
