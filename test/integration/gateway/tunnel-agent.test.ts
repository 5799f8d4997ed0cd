/** Connections to containers that are kept for Node's client: half-open ones, of which it hears an end and nothing else. */
import { once } from "node:events";
import { createServer as createWebServer, request, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { HostId, InstanceId } from "@remotegpu/shared/ids";
import { agentTarget, TunnelAgent } from "@remotegpu/control-plane/gateway/proxy/tunnel-agent";

const TO = { hostId: HostId.parse("host-1"), instanceId: InstanceId.parse("ins-1"), port: 8000 };
const container = createWebServer((asked, answer) => void asked.resume().on("end", () => answer.end("ok")));
/** At the container's end, by its number. */
const taken = new Map<number, Socket>();
/** At the gateway's end, as they were opened. */
const opened: Socket[] = [];
const agent = new TunnelAgent({
  async open(): Promise<Duplex> {
    const { port } = container.address() as AddressInfo;
    const way = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    await once(way, "connect");
    opened.push(way);
    return way;
  },
});

beforeAll(async () => {
  container.on("connection", (socket: Socket) => taken.set(socket.remotePort ?? 0, socket));
  container.listen(0, "127.0.0.1");
  await once(container, "listening");
});
afterAll(() => {
  agent.destroy();
  container.closeAllConnections();
  container.close();
});

async function post(): Promise<string> {
  await agent.prepare(TO);
  const asked = request({ ...agentTarget(TO), method: "POST", agent });
  asked.end("x");
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  return await text(answer);
}

test("one that its container has ended is not used again, whether it was used before or opened ahead", async () => {
  expect([await post(), await post(), opened.length]).toEqual(["ok", "ok", 1]);

  await ends(opened[0]);
  expect([await post(), opened.length]).toEqual(["ok", 2]);

  await ends(opened[1]);
  await agent.prepare(TO);
  await ends(opened[2]);
  expect([await post(), opened.length]).toEqual(["ok", 4]);
});

async function ends(way: Socket | undefined): Promise<void> {
  if (way === undefined) throw new Error("it was not opened");
  const told = Promise.race([once(way, "end"), once(way, "close")]);
  taken.get(way.localPort ?? 0)?.end();
  await told;
}
