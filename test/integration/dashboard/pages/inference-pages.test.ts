/** Inference services in the browser: what they answered and cost, their replicas and versions, and acts by keyboard. */
import type { Page } from "puppeteer-core";
import { countAnswer, noCounts } from "@remotegpu/control-plane/server/core/inference/traffic/traffic-counts";
import { keepTraffic } from "@remotegpu/control-plane/server/store/inference/gateway/traffic";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser } from "../../../support/engines/chromium/browser.ts";
import { type DashboardScene, openDashboardScene } from "../../../support/dashboard/dashboard-scene.ts";
import { dialogGone, openDialog, pressOn, tabTo, typeInto } from "../../../support/dashboard/keyboard.ts";
import { expectSoundPage, expectText, textOf } from "../../../support/dashboard/page-checks.ts";
import { eventually } from "../../../support/eventually.ts";
import type { Caller } from "../../../support/http/api.ts";
import { ScriptedGateway } from "../../../support/worlds/services/scripted-gateway.ts";
import { ServiceScene } from "../../../support/worlds/services/service-scene.ts";

const HOSTILE = `<script>document.title='hit'</script> \u202Echat 😈`;
const LIVES_EVERY_MS = 5_000;

let scene: DashboardScene;
let services: ServiceScene;
let bob: Caller;
let id: string;
let living: NodeJS.Timeout | undefined;

beforeAll(async () => {
  scene = await openDashboardScene();
  services = await ServiceScene.begin(scene.control, { hosts: 2 });
  bob = await scene.control.customer("bob");
  const { db, deps } = scene.control.api;
  const gateway = new ScriptedGateway("gw-1", { db, now: deps.now });
  // The service's address is as a gateway has said before.
  await gateway.live();
  id = await services.runs({ name: HOSTILE, max_replicas: 3, health_check_path: "/health" });
  const [replica] = (await services.get(id)).instances;
  const listed = { [replica!.id]: 4 };
  await gateway.report(id, { inFlight: 4, held: 2, listed });
  // Whatever time a browser takes on a busy machine, the gateway lives.
  living = setInterval(() => void gateway.live().catch(() => undefined), LIVES_EVERY_MS);
  await answered({ status: 200, count: 18 }, { status: 500, count: 2 });
});
afterAll(async () => {
  clearInterval(living);
  await scene.close();
});

/** A gateway has counted them, five minutes ago. */
async function answered(...answers: { status: number; count: number }[]): Promise<void> {
  const counts = noCounts();
  const one = { isWhole: true, bytes: 100, tookMs: 20, firstByteMs: 10, queuedMs: 0, tokens: null };
  for (const { status, count } of answers)
    for (let nth = 0; nth < count; nth += 1) countAnswer(counts, { ...one, status });
  const { api } = scene.control;
  const minute = new Date(Math.floor(api.deps.now().getTime() / MS_PER_MINUTE - 5) * MS_PER_MINUTE);
  await keepTraffic(api.db, "gw-1", [{ at: { serviceId: id, revision: 1, keyName: "app" }, minute, counts }]);
}

async function open(
  path: string,
  as: Caller = services.alice,
): Promise<{ page: Page; complaints: string[] }> {
  const opened = await scene.open(path, as);
  await opened.page.setViewport({ width: 1200, height: 900 });
  return opened;
}

const visible = async () => await services.get(id);

describe.skipIf(!hasBrowser)("inference services (left out where Chromium is not installed)", () => {
  test("are listed with names as text, in both themes and languages", async () => {
    const { page, complaints } = await open("/inference");

    await expectText(page, HOSTILE);
    await expectText(page, "1 of 1 replicas serve");
    await expectSoundPage(page, "tbody tr");
    expect(complaints).toEqual([]);
    expect(await page.title()).not.toBe("hit");
  });

  test("list what they answered, what is in flight and what each replica's probe reports, in both themes and languages", async () => {
    const { page, complaints } = await open(`/inference/${id}`);

    await expectText(page, "10 %", 'section[aria-label="Errors"]');
    await expectText(page, "2 of 20 answers", 'section[aria-label="Errors"]');
    await expectText(page, "4", 'section[aria-label="In flight"]');
    await expectText(page, "2 wait for a replica");
    await expectText(page, "not reported", 'section[aria-label="Tokens a second"]');
    await page.waitForSelector('[data-probe="yes"]');
    await expectText(page, /In flight[\s\S]*passes\s+4\s+host/, 'section[aria-label="Replicas"]');
    await expectText(page, `curl -H "Authorization: Bearer $KEY" http://localhost:1/services/${id}/health`);
    await page.waitForSelector("canvas");
    await expectSoundPage(page, '[data-probe="yes"]');
    expect(complaints).toEqual([]);
  });

  test("of others are not there", async () => {
    const { page } = await open(`/inference/${id}`, bob);

    await page.waitForSelector("[data-not-found]");
    expect(await textOf(page)).not.toContain("chat");
  });

  test("are scaled, and given a key that is displayed once, by keyboard", async () => {
    const { page } = await open(`/inference/${id}`);
    await expectText(page, "1 of 1 replicas serve");

    await openDialog(page, "Scale");
    await typeInto(page, "Replicas", "2");
    await page.keyboard.press("Enter");
    await eventually(async () => (await visible()).replicas === 2, { what: "two replicas to be wanted" });
    await dialogGone(page);
    await openDialog(page, "Make a key");
    await typeInto(page, "Name", "app");
    await page.keyboard.press("Enter");
    await page.waitForSelector("[data-secret]");
    expect(await textOf(page, "[data-secret]")).toMatch(/^rgs_/);
    await page.reload();
    await expectText(page, "app", 'section[aria-label="Keys of this service"]');
    expect(await textOf(page)).not.toMatch(/rgs_\w{20}/);
  });

  test("have a key revoked, which then opens nothing", async () => {
    const { page } = await open(`/inference/${id}`);
    const keys = 'section[aria-label="Keys of this service"]';
    await expectText(page, "app", keys);

    await openDialog(page, "Revoke");
    await expectText(page, "Revoke the key app?", '[role="dialog"]');
    await pressOn(page, "Revoke");

    await dialogGone(page);
    await expectText(page, "revoked", keys);
    const { items } = (await services.request("GET", `/${id}/keys`)).body;
    expect(items).toEqual([expect.objectContaining({ name: "app", revoked_at: expect.any(String) })]);
  });

  test("that scale by themselves are paused and resumed, and a refusal states why", async () => {
    const scaled = await services.ordered({
      name: "scales",
      max_replicas: 2,
      autoscaling_enabled: true,
      autoscaling_config: { target_in_flight: 4 },
    });
    const isPaused = async () => (await services.get(scaled)).autoscaling_config?.["paused"] === true;
    const { page } = await open(`/inference/${scaled}`);

    await pressOn(page, "Pause scaling");
    await page.waitForSelector('::-p-aria([name="Resume scaling"][role="button"])');
    expect(await isPaused()).toBe(true);
    await pressOn(page, "Resume scaling");
    await page.waitForSelector('::-p-aria([name="Pause scaling"][role="button"])');
    expect(await isPaused()).toBe(false);
    await page.evaluate(REFUSES_PAUSES);
    await pressOn(page, "Pause scaling");

    await expectText(page, "Refused: It was deleted.");
    expect(await isPaused()).toBe(false);
    await services.request("DELETE", `/${scaled}`);
  });

  test("go to another version and back, with what both do meanwhile", async () => {
    const { page } = await open(`/inference/${id}`);
    await expectText(page, "Version v1");

    await openDialog(page, "Upgrade");
    await typeInto(page, "Name of the version", "v2");
    await typeInto(page, "Image", "server:2");
    await page.keyboard.press("Enter");
    await page.waitForSelector("[data-rollout]");
    await expectText(page, "Version v2 is being rolled out", "[data-rollout]");
    await dialogGone(page);
    await openDialog(page, "Roll back");
    await expectText(page, "Replicas of both versions", '[role="dialog"]');
    await tabTo(page, "Roll back");
    await page.keyboard.press("Enter");

    await eventually(async () => (await visible()).rollout?.cause !== null, { what: "the way back" });
    await expectText(page, "It was called off.", "[data-rollout]");
    await expectText(page, "v1 → v2", 'section[aria-label="Rollouts"]');
    expect((await visible()).version).toBe("v1");
  });

  test("are stopped and deleted after dialogs that state what stops, what remains and what is charged", async () => {
    const { page } = await open(`/inference/${id}`);

    await openDialog(page, "Stop");
    for (const heading of ["What stops", "What stays", "What is still charged"])
      await expectText(page, heading, '[role="dialog"]');
    await tabTo(page, "Stop");
    await page.keyboard.press("Enter");
    await eventually(async () => ["stopping", "stopped"].includes((await visible()).status), {
      what: "the service to stop",
    });
    await services.settle();
    await page.reload();
    await pressOn(page, "Start");
    await eventually(async () => (await visible()).status === "creating", { what: "the service to start" });
    await openDialog(page, "Delete");
    await expectText(page, "for good", '[role="dialog"]');
    await tabTo(page, "Delete");
    await page.keyboard.press("Enter");
    await page.waitForFunction("location.pathname === '/inference'");
    expect((await services.request("GET", `/${id}`)).status).toBe(404);
  });

  test("are ordered from a form that states the price of each replica before", async () => {
    const { page } = await open("/inference?order=new");
    await page.waitForSelector('input[name="image"]');
    await expectSoundPage(page, 'input[name="image"]');

    await typeInto(page, "Name", "hello");
    await typeInto(page, "Image", "server:1");
    await typeInto(page, "CPU cores", "1");
    await typeInto(page, "Memory", "1");
    await expectText(page, "6.60", "[data-estimate]");
    await pressOn(page, "Order");
    await expectText(page, "hello", "h1");
    const { items } = (await services.request("GET", "?name=hello")).body;
    expect(items).toMatchObject([{ image: "server:1", cpu: 1, gpu: 1 }]);
  });
});

/** As the server would whose service is gone. */
const REFUSES_PAUSES = `(() => {
  const real = globalThis.fetch;
  globalThis.fetch = async (...asked) =>
    String(asked[0]).endsWith("/pause")
      ? new Response('{"detail":"It was deleted."}', { status: 409, headers: { "Content-Type": "application/problem+json" } })
      : await real(...asked);
})()`;
