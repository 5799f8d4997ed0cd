/** Whoever comes to an environment that may be woken while it is stopped: who starts it, and who does not. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { openWebScene, SERVICE_PORT, type WebScene } from "../../support/worlds/web-scene.ts";

let scene: WebScene;
let host: string;
let cookie: string;
let shared: URL;
let orders = 0;

const A_PAGE = { Accept: "text/html", "Sec-Fetch-Mode": "navigate" };

beforeAll(async () => {
  scene = await openWebScene({ onOrder: () => void (orders += 1) });
  host = scene.hostOf(SERVICE_PORT);
  cookie = await scene.enter(scene.owner, SERVICE_PORT);
  const share = await scene.control.api.request(
    "POST",
    `/api/v1/environments/${scene.environment.id}/shares`,
    {
      as: scene.owner,
      body: { port: SERVICE_PORT },
    },
  );
  shared = new URL(share.body.url);
  await order("PATCH", "", { config: { wake: true } });
});
afterAll(async () => await scene.close());

beforeEach(async () => {
  if ((await now()).status !== "running") await begin();
  await order("POST", "/stop");
  await scene.host.round({ phase: "stopped" });
  await scene.control.workloads();
  if ((await now()).status !== "stopped") throw new Error("it did not stop");
  // Who was let in a moment ago is let in without asking.
  scene.control.api.passMinutes(1);
  await scene.host.heartbeat();
  orders = 0;
});

const now = async () => await scene.control.get(scene.owner, scene.environment.id);

async function order(method: string, path: string, body: object = {}): Promise<void> {
  const { status } = await scene.control.api.request(
    method,
    `/api/v1/environments/${scene.environment.id}${path}`,
    { as: scene.owner, body },
  );
  expect([200, 202]).toContain(status);
}

/** What the control plane's loops and the host do with an order to start. */
async function begin(): Promise<void> {
  if ((await now()).status === "stopped") await order("POST", "/start");
  await scene.control.schedule();
  await scene.host.round();
  await scene.control.workloads();
}

test("a page that is opened starts it, states so, and is displayed once it runs", async () => {
  const first = await scene.request(host, "/tell", { cookie, headers: A_PAGE });
  const asleep = (await now()).status;
  await begin();
  const then = await scene.request(host, "/tell", { cookie, headers: A_PAGE });

  expect({ status: first.status, retry: first.headers["retry-after"] }).toEqual({ status: 503, retry: "3" });
  expect(first.text).toContain("starts for you now");
  expect(asleep).toBe("queued");
  expect(then.status).toBe(200);
  expect(orders).toBe(1);
});

test("what a program requests with a key goes through when it is ready, however many requests there are", async () => {
  const requested = Promise.all(
    [1, 2, 3].map(async () => await scene.request(host, "/tell", { key: scene.owner.key })),
  );
  await eventually(async () => (await now()).status === "queued" || undefined, { what: "that it is woken" });
  await begin();

  expect((await requested).map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(orders).toBe(1);
});

test("a hundred bare connections and requests that nobody lets in start nothing", async () => {
  const sockets = await Promise.all(Array.from({ length: 100 }, () => scene.raw("")));
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, nth) =>
      scene.request(host, "/tell", {
        headers: A_PAGE,
        ...(nth % 2 === 0 && { key: `rgk_${"A".repeat(43)}` }),
      }),
    ),
  );
  for (const socket of sockets) socket.destroy();

  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
  expect((await now()).status).toBe("stopped");
});

test("scripts of a page that is still open start nothing", async () => {
  const script = { Accept: "application/json", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin" };
  const { status } = await scene.request(host, "/tell", { cookie, headers: script });

  expect(status).toBe(409);
  expect((await now()).status).toBe("stopped");
});

test("a shared link starts nothing", async () => {
  const { status } = await scene.request(shared.host, `${shared.pathname}${shared.search}`);

  expect(status).toBe(409);
  expect((await now()).status).toBe("stopped");
});

test("without money it stays stopped, and the page states why", async () => {
  await scene.control.api.request("POST", `/api/v1/customers/${scene.owner.customerId}/adjustments`, {
    as: scene.control.api.admin,
    body: { amount: "-2000", reason: "a test of an empty balance" },
  });
  const { status, text } = await scene.request(host, "/tell", { cookie, headers: A_PAGE });

  expect(status).toBe(409);
  expect(text).toContain("The environment is stopped. It cannot start for you: the account is overdue");
  expect((await now()).status).toBe("stopped");
});
