/**
 * Many WebSockets that say nothing through one gateway and one host, all of them of use and all of them ended with it; a
 * thousand here, ten thousand by `npm run proof:sockets`. Clients, host and container are processes of their own; each
 * has one file open for each socket, as this one has, which is the gateway.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { execa } from "execa";
import { GATEWAY_LIMITS } from "@remotegpu/control-plane/gateway/router/load";
import type { IdleMessage, IdleRequest } from "../../fixtures/idle-clients.ts";
import { openWebScene, SERVICE_PORT, type WebScene } from "../../support/worlds/web-scene.ts";

const SOCKETS = Number(process.env["IDLE_SOCKETS"] ?? 1_000);
/** Of each process. */
const DESCRIPTORS = SOCKETS + 2_000;
const CLIENTS = new URL("../../fixtures/idle-clients.ts", import.meta.url).pathname;

let scene: WebScene;

const ending = new AsyncDisposableStack();

beforeAll(async () => {
  // What is started from here on takes it along.
  await mayOpen(DESCRIPTORS);
  scene = ending.adopt(await openWebScene(), (one) => one.close());
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
  });
  const clients = fork(CLIENTS);
  ending.defer(() => void clients.kill("SIGKILL"));
  const died = once(clients, "exit").then(() => Promise.reject(new Error("the clients' process has ended")));
  const messages = async (): Promise<IdleMessage> => {
    const [reported] = (await Promise.race([once(clients, "message"), died])) as [IdleMessage];
    return reported;
  };
  const head = `GET /ws HTTP/1.1\r\nHost: ${scene.hostOf(SERVICE_PORT)}\r\nX-Api-Key: ${scene.owner.key}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;

  clients.send({ port: gateway.port, head, count: SOCKETS } satisfies IdleRequest);
  const answered = await messages();
  const ended = messages();
  await gateway.close();

  expect([answered, await ended]).toEqual([{ echoed: SOCKETS }, { ended: SOCKETS }]);
}, 300_000);

/** @throws where this machine lets nobody raise the limit so far */
async function mayOpen(files: number): Promise<void> {
  const own = ["--pid", String(process.pid)];
  const { stdout } = await execa("prlimit", ["--nofile", "--output=SOFT", "--noheadings", ...own]);
  if (Number(stdout) < files) await execa("prlimit", [`--nofile=${files}:${files}`, ...own]);
}
