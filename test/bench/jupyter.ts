/**
 * A real Jupyter's `/api/status` through the gateway and the tunnel, beside the same asked inside the container's network:
 * how many answers a second come to a few clients that keep their connections. The gateway runs in this process, as do the
 * clients.
 */
import { Agent, request, type RequestOptions } from "node:http";
import type { Duplex } from "node:stream";
import { dialInto } from "@remotegpu/agent/host/inside/dial";
import { openNotebookScene } from "../support/worlds/notebook-scene.ts";
import { sceneDatabase } from "./bench-database.ts";
import { UNBOUND_WEB } from "./unbound-web.ts";
import { headLine, type Pair, ratioLine, valuesLine } from "./comparison.ts";

const ROUNDS = 7;
const CLIENTS = 4;
const EACH_MS = 2_000;
const PORT = 8888;

type Way = { agent: Agent; options: RequestOptions };

export async function measureJupyter(
  say: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  const { scene, token } = await openNotebookScene(ending, {
    database: await sceneDatabase(ending),
    change: { limits: UNBOUND_WEB },
  });
  const { gateway, container, owner } = scene;
  const kept = { keepAlive: true, maxSockets: CLIENTS };
  const through: Way = {
    agent: ending.adopt(new Agent(kept), (agent) => agent.destroy()),
    options: {
      port: gateway.port,
      headers: { Host: scene.hostOf("jupyter"), Authorization: `Bearer ${owner.key}` },
    },
  };
  const direct: Way = {
    agent: ending.adopt(new InsideAgent(kept, container.instance), (agent) => agent.destroy()),
    options: { port: PORT, headers: { Authorization: `token ${token}` } },
  };

  const pairs: Pair[] = [];
  await rateOf(through);
  await rateOf(direct);
  for (let round = 0; round < ROUNDS; round += 1)
    pairs.push({ ours: await rateOf(through), bare: await rateOf(direct) });

  say(headLine(`Jupyter's /api/status, ${CLIENTS} clients (${ROUNDS} rounds)`));
  say(ratioLine("through the gateway to inside the container, answers", pairs));
  const told = [
    ["through the gateway", pairs.map(({ ours }) => ours)],
    ["inside the container's network", pairs.map(({ bare }) => bare)],
  ] as const;
  for (const [what, rates] of told) say(valuesLine(what, rates, "/s"));
}

/** Connections begin inside the container's network. */
class InsideAgent extends Agent {
  readonly #instance: Parameters<typeof dialInto>[0];

  constructor(options: ConstructorParameters<typeof Agent>[0], instance: Parameters<typeof dialInto>[0]) {
    super(options);
    this.#instance = instance;
  }

  override createConnection(
    _options: unknown,
    created?: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    void this.#connect(created);
  }

  async #connect(created?: (error: Error | null, socket: Duplex) => void): Promise<void> {
    try {
      const socket = await dialInto(this.#instance, PORT, { isReadHere: true });
      created?.(null, socket);
      socket.resume();
    } catch (error) {
      created?.(error as Error, undefined as never);
    }
  }
}

/** Answers in a second. */
async function rateOf(way: Way): Promise<number> {
  const beganMs = performance.now();
  const counts = await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      let count = 0;
      for (; performance.now() - beganMs < EACH_MS; count += 1) await ask(way);
      return count;
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0) / ((performance.now() - beganMs) / 1_000);
}

async function ask({ agent, options }: Way): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", path: "/api/status", agent, ...options }, (answer) => {
      if (answer.statusCode !== 200) reject(new Error(`status ${answer.statusCode}`));
      answer.resume();
      answer.once("end", resolve);
    });
    asked.once("error", reject);
    asked.end();
  });
}
