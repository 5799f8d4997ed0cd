/**
 * Customers of the bench of placements, in a process of their own, so that what they cost is no cost of the control
 * plane: each of so many at a time orders over HTTP on a connection that it keeps, and either orders the next at once,
 * or first waits until it is told that its environment is placed.
 */
import { Agent, request } from "node:http";
import { GIB } from "@remotegpu/shared/values/units";

/** Sent by the bench: the first once, then any number of rounds, each with what was placed in it. */
export type ToClient =
  | { kind: "open"; url: string; keys: string[] }
  | { kind: "order"; together: number; orders: number; untilPlaced: boolean }
  | { kind: "placed"; ids: string[] };

export type FromClient =
  | { kind: "opened" }
  | { kind: "ordered"; ids: string[]; cpuMs: number }
  | { kind: "failed"; why: string };

const BODY = JSON.stringify({ name: "work", image: "trainer:1", cpu: 1, memory: GIB, gpu: 1 });

const agent = new Agent({ keepAlive: true });
let url = "";
let keys: string[] = [];
let ordered = 0;
let placed = new Set<string>();
let waiting = new Map<string, () => void>();

/** One customer after the other. */
async function order(): Promise<string> {
  const key = keys[ordered++ % keys.length] ?? "";
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const requested = request(
    url,
    {
      agent,
      method: "POST",
      headers: {
        authorization: `Bearer ${key}`,
        "content-type": "application/json",
        "content-length": BODY.length,
      },
    },
    (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => void (text += part));
      response.on("end", () => {
        if (response.statusCode !== 201) reject(new Error(`${response.statusCode}: ${text}`));
        else resolve((JSON.parse(text) as { id: string }).id);
      });
      response.on("error", reject);
    },
  );
  requested.on("error", reject);
  requested.end(BODY);
  return await promise;
}

async function isPlaced(id: string): Promise<void> {
  if (!placed.delete(id)) await new Promise<void>((resolve) => waiting.set(id, resolve));
}

async function orderAll({
  together,
  orders,
  untilPlaced,
}: Extract<ToClient, { kind: "order" }>): Promise<string[]> {
  placed = new Set();
  waiting = new Map();
  const ids: string[] = [];
  let begun = 0;
  const customer = async () => {
    while (begun < orders) {
      begun += 1;
      const id = await order();
      ids.push(id);
      if (untilPlaced) await isPlaced(id);
    }
  };
  try {
    await Promise.all(Array.from({ length: together }, customer));
  } finally {
    // The server closes those that are idle for seconds, perhaps just when the next round would use them.
    agent.destroy();
  }
  return ids;
}

function send(message: FromClient): void {
  process.send?.(message);
}

async function serve(message: ToClient): Promise<void> {
  switch (message.kind) {
    case "open":
      ({ url, keys } = message);
      send({ kind: "opened" });
      return;
    case "order": {
      const before = process.cpuUsage();
      const ids = await orderAll(message);
      const { user, system } = process.cpuUsage(before);
      send({ kind: "ordered", ids, cpuMs: (user + system) / 1_000 });
      return;
    }
    case "placed":
      for (const id of message.ids) {
        const done = waiting.get(id);
        if (done === undefined) placed.add(id);
        else done();
        waiting.delete(id);
      }
  }
}

process.on("message", (message) => {
  serve(message as ToClient).catch((error: unknown) => {
    send({ kind: "failed", why: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  });
});
// The bench is gone, however it ended.
process.on("disconnect", () => process.exit());
