/** Connections to containers that are pooled: half-open ones, of which their client hears an end and nothing else. */
import { once } from "node:events";
import { createServer as createWebServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { HostId, InstanceId } from "@remotegpu/shared/values/ids";
import { ClientPool } from "@remotegpu/control-plane/gateway/pool/client-pool";

const TO = { hostId: HostId.parse("host-1"), instanceId: InstanceId.parse("ins-1"), port: 8000 };
const container = createWebServer(
  (requested, answer) => void requested.resume().on("end", () => answer.end("ok")),
);
/** At the container's end, by its number. */
const taken = new Map<number, Socket>();
/** At the gateway's end, as they were opened. */
const opened: Socket[] = [];
const pool = new ClientPool({
  async open(): Promise<Duplex> {
    const { port } = container.address() as AddressInfo;
    const route = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    await once(route, "connect");
    opened.push(route);
    return route;
  },
});

beforeAll(async () => {
  container.on("connection", (socket: Socket) => taken.set(socket.remotePort ?? 0, socket));
  container.listen(0, "127.0.0.1");
  await once(container, "listening");
});
afterAll(() => {
  pool.close();
  container.closeAllConnections();
  container.close();
});

async function post(): Promise<string> {
  const one = pool.take(TO);
  const { body } = await one.client.request({ method: "POST", path: "/", body: "x" });
  const text = await body.text();
  pool.giveBack(one);
  return text;
}

test("a pooled connection is used again, and not once its container has ended it", async () => {
  expect([await post(), await post(), opened.length]).toEqual(["ok", "ok", 1]);

  await ends(opened[0]);
  expect([await post(), opened.length]).toEqual(["ok", 2]);
});

async function ends(route: Socket | undefined): Promise<void> {
  if (route === undefined) throw new Error("it was not opened");
  const reported = Promise.race([once(route, "end"), once(route, "close")]);
  taken.get(route.localPort ?? 0)?.end();
  await reported;
}
