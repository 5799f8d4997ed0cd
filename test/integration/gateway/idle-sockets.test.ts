/**
 * Many WebSockets that say nothing through one gateway, all of them of use and all of them ended with it; a thousand here,
 * ten thousand by `npm run proof:sockets`. The way to the container is a plain connection, since a host takes fewer.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { execa } from "execa";
import { freePort } from "@remotegpu/control-plane/embedded/ports";
import { GATEWAY_LIMITS } from "@remotegpu/control-plane/gateway/front/load";
import { openWebScene, SERVICE_PORT, type WebScene } from "../../support/worlds/web-scene.ts";

const SOCKETS = Number(process.env["IDLE_SOCKETS"] ?? 1_000);
const AT_ONCE = 50;
/** Of each: the client's end, and both of the gateway's. */
const DESCRIPTORS = 3 * SOCKETS + 2_000;
const SERVICE = new URL("../../fixtures/web-service.ts", import.meta.url).pathname;

let scene: WebScene;
let port: number;

const ending = new AsyncDisposableStack();

beforeAll(async () => {
  await mayOpen(DESCRIPTORS);
  scene = ending.adopt(await openWebScene(), (one) => one.close());
  port = await freePort("127.0.0.1", null);
  const service = spawn(process.execPath, [SERVICE, String(port)], { stdio: ["ignore", "pipe", "inherit"] });
  ending.defer(() => void service.kill("SIGKILL"));
  await once(service.stdout, "data");
});
afterAll(() => ending.disposeAsync());

test("idle WebSockets stay open by the thousand, answer, and end with the gateway", async () => {
  const gateway = await scene.anotherGateway({
    limits: {
      ...GATEWAY_LIMITS,
      perAddress: { burst: 2 * SOCKETS, perSecond: SOCKETS },
      perOrigin: { burst: 2 * SOCKETS, perSecond: SOCKETS },
      openPerAddress: SOCKETS,
      openPerOrigin: SOCKETS,
      socketsPerOrigin: SOCKETS,
      connections: SOCKETS,
    },
    tunnels: {
      open: async () => {
        const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
        await once(socket, "connect");
        return socket;
      },
    },
  });
  const upgrade = `GET /ws HTTP/1.1\r\nHost: ${scene.hostOf(SERVICE_PORT)}\r\nX-Api-Key: ${scene.owner.key}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;

  const sockets: Socket[] = [];
  while (sockets.length < SOCKETS) {
    const some = Array.from({ length: Math.min(AT_ONCE, SOCKETS - sockets.length) }, async () => {
      const socket = await scene.raw(upgrade, gateway);
      expect(await heard(socket)).toContain("HTTP/1.1 101");
      return socket;
    });
    sockets.push(...(await Promise.all(some)));
  }
  const echoes = await Promise.all(
    sockets.map(async (socket, nth) => {
      socket.write(`this is ${nth}`);
      return await heard(socket);
    }),
  );
  const closed = Promise.all(
    sockets.map(async (socket) => {
      // Its own side is left open else.
      socket.once("end", () => socket.destroy());
      await once(socket, "close");
    }),
  );
  await gateway.close();
  await closed;

  expect(echoes).toEqual(sockets.map((_, nth) => `this is ${nth}`));
}, 300_000);

/** @throws where this machine lets nobody raise the limit so far */
async function mayOpen(files: number): Promise<void> {
  const own = ["--pid", String(process.pid)];
  const { stdout } = await execa("prlimit", ["--nofile", "--output=SOFT", "--noheadings", ...own]);
  if (Number(stdout) < files) await execa("prlimit", [`--nofile=${files}:${files}`, ...own]);
}

async function heard(socket: Socket): Promise<string> {
  const [said] = (await once(socket, "data")) as [Buffer];
  return String(said);
}
