/** A gateway alone that is told of changes over NATS: it waits for no poll of its own, and others for none of theirs. */
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { GatewayLink } from "@remotegpu/control-plane/server/gateway-link";
import { Wakes } from "@remotegpu/control-plane/server/link/servers/wakes";
import { startTestNats, type TestNats } from "../../support/engines/nats.ts";
import { eventually } from "../../support/eventually.ts";
import { memoryLog } from "../../support/memory-log.ts";
import { ServedScene } from "../../support/worlds/served-scene.ts";
import { openWebScene, type WebScene } from "../../support/worlds/web-scene.ts";

const STORY_MS = 60_000;
/** More than between two looks by news, and less than between two polls. */
const A_MOMENT_MS = 400;

let web: WebScene;
let nats: TestNats;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  web = ending.adopt(await openWebScene(), (one) => one.close());
  nats = ending.adopt(await startTestNats(), (one) => one.close());
}, STORY_MS);
afterAll(() => ending.disposeAsync());

function opened(): GatewayLink {
  const link = new GatewayLink({ operator: nats.operator, address: nats.address, log: memoryLog() });
  onTestFinished(() => link.stop());
  return link;
}

test("it answers a service with 503 once it is notified of the stop", { timeout: STORY_MS }, async () => {
  const served = await ServedScene.begin(web, { replicas: 1 });
  onTestFinished(() => served[Symbol.asyncDispose]());
  // Its clock stands, so that it never looks unasked.
  let nowMs = 0;
  const gateway = await web.anotherGateway({ nowMs: () => nowMs });
  onTestFinished(() => gateway.close());
  let reported = 0;
  opened().start(() => {
    reported += 1;
    gateway.checkNow();
  });
  await eventually(() => reported === 1, { what: "the connection" });
  const status = async () => (await served.request("/", { gateway })).status;
  expect(await status()).toBe(200);
  await served.api("POST", "/stop");
  expect(await status()).toBe(200);

  nowMs += A_MOMENT_MS;
  const server = await nats.connectControlPlane();
  new Wakes().report(server);

  await eventually(async () => (await status()) === 503, { what: "the refusal" });
  expect(reported).toBe(2);
});

test("what was ordered by it is published to others, and not to itself", async () => {
  const heard: string[] = [];
  const server = await nats.connectControlPlane();
  new Wakes().hear(server, () => heard.push("server"));
  await server.flush();
  const link = opened();
  let own = 0;
  link.start(() => (own += 1));
  await eventually(() => own === 1, { what: "the connection" });

  link.wakeOthers();

  await eventually(() => heard.length > 0, { what: "the word" });
  new Wakes().report(server);
  await eventually(() => own === 2, { what: "another's word, behind its own" });
  expect(heard).toEqual(["server", "server"]);
});

test(
  "it is connected once NATS answers, and until then everything goes on",
  { timeout: STORY_MS },
  async () => {
    await nats.stop();
    const link = opened();
    let reported = 0;
    link.start(() => (reported += 1));
    link.wakeOthers();
    expect(reported).toBe(0);

    await nats.start();

    await eventually(() => reported === 1, { what: "the connection" });
  },
);
