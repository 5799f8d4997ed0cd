/** A host's page in a browser: its cards with their lines, what happened, and what is done there. */
import { InstanceId } from "@remotegpu/shared/values/ids";
import { GIB, MS_PER_HOUR } from "@remotegpu/shared/values/units";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { hasBrowser } from "../../../support/engines/chromium/browser.ts";
import { type DashboardScene, openDashboardScene } from "../../../support/dashboard/dashboard-scene.ts";
import {
  expectSoundPage,
  expectText,
  pressButton,
  reloadIn,
  textOf,
} from "../../../support/dashboard/page-checks.ts";
import { HURRIED_POLLS } from "../../../support/dashboard/page-polls.ts";
import type { Caller } from "../../../support/http/api.ts";

const HOSTILE = `"><script>document.title='owned'</script> 主机 🚀`;
const HELD = `<b onclick="alert(1)">held by me</b>`;

let scene: DashboardScene;
let customer: Caller;
let environment: string;

beforeAll(async () => {
  scene = await openDashboardScene();
  const { control } = scene;
  const host = await control.host("h-1", { gpus: 2, cpu: 32, memoryGib: 64, leases: true });
  await control.api.db.query("UPDATE hosts SET name = $1", [HOSTILE]);
  customer = await control.customer("holder");
  const { body } = await control.order(customer, { name: HELD, gpu: 1, cpu: 1, memory: GIB });
  environment = body.id;
  await control.order(customer, { name: "without a card", cpu: 1, memory: GIB });
  await control.schedule();
  await host.round();
  control.api.meanwhile(async () => void (await host.round()));
  await control.api.request("POST", "/api/v1/port-mappings", {
    as: customer,
    body: { env_id: environment, service_type: "custom", internal_port: 7860 },
  });
  host.gpus = host.gpus.map((gpu, index) =>
    index === 0
      ? {
          ...gpu,
          memoryUsedMib: 1_024,
          memorySplit: {
            users: [{ instanceId: InstanceId.parse("env-used"), processes: 1, memoryMib: 1_000 }],
            unexplainedMib: 24,
          },
        }
      : gpu,
  );
  await host.heartbeat({
    gpus: host.gpus,
    version: "0.9.1",
    clockOffsetMs: -2_300,
    journal: { id: host.journalId, headSeq: 12, headHash: "0".repeat(64), watermarkSeen: 0 },
  });
});
afterAll(() => scene.close());

/** Of a question for a card's history, in milliseconds. */
function stretchOf(url: string): number {
  const requested = new URL(url).searchParams;
  const ends = [requested.get("from"), requested.get("to")].map((end) => Date.parse(end ?? ""));
  return (ends[1] ?? Number.NaN) - (ends[0] ?? Number.NaN);
}

describe.skipIf(!hasBrowser)("a host's page (left out where Chromium is not installed)", () => {
  test("shows what it is, its cards with their lines, and who has them, in both themes and languages", async () => {
    const { page, complaints } = await scene.open("/hosts/h-1", scene.control.api.admin);

    await expectText(page, HOSTILE, "h1");
    await expectText(page, "0.9.1, the server is 0.0.0-test");
    await expectText(page, HELD);
    await expectText(page, "env-used: 1000 MiB");
    await expectText(page, "24 MiB that no process explains");
    await page.click('button[aria-pressed="false"]');
    await page.waitForSelector(".u-wrap, [data-no-samples]");
    expect(page.url()).toContain("card=GPU-h-1-");
    await expectSoundPage(page, 'button[aria-pressed="true"]');
    expect(await page.title()).not.toBe("owned");
    expect(complaints).toEqual([]);
  });

  test("lists what runs there, whose it is, with its card and ports, and links to it, in both languages", async () => {
    const { page, complaints } = await scene.open("/hosts/h-1", scene.control.api.admin);

    await expectText(
      page,
      /What runs there[\s\S]*Environment\s+holder\s+●\s+ready\s+GPU 0[\s\S]*custom 7860 → \d{5}/,
    );
    await expectText(page, "without a card");
    await reloadIn(page, "zh");
    await expectText(page, /在此运行[\s\S]*开发环境\s+holder/);
    await reloadIn(page, "en");
    await page.waitForSelector(`a[href="/environments/${environment}"]`);
    await page.click(`a[href="/environments/${environment}"]`);
    await expectText(page, HELD, "h1");
    expect(complaints).toEqual([]);
  });

  test("requests an administrator's word on its address and its storage pool, and names who gave it", async () => {
    const { control } = scene;
    const { db } = control.api;
    const [{ address } = { address: "" }] = (
      await db.query<{ address: string }>("SELECT ip_address AS address FROM hosts WHERE id = 'h-1'")
    ).rows;
    const before = (
      await db.query(
        "SELECT seen_addresses, storage_pool, claimed_storage_pool, confirmed_address FROM hosts WHERE id = 'h-1'",
      )
    ).rows[0];
    onTestFinished(async () => {
      await db.query(
        `UPDATE hosts SET ip_address = $1, seen_addresses = $2, storage_pool = $3, claimed_storage_pool = $4,
                confirmed_address = $5, pool_state = 'trusted' WHERE id = 'h-1'`,
        [
          address,
          before?.["seen_addresses"],
          before?.["storage_pool"],
          before?.["claimed_storage_pool"],
          before?.["confirmed_address"],
        ],
      );
    });
    await db.query(
      "UPDATE hosts SET ip_address = '10.9.8.7', seen_addresses = '{}', confirmed_address = NULL, claimed_storage_pool = 'shared' WHERE id = 'h-1'",
    );
    const { page, complaints } = await scene.open("/hosts/h-1", control.api.admin);
    await page.waitForSelector('[data-address="unconfirmed"]');
    await expectText(
      page,
      "no connection of its own was seen to come from there yet",
      '[data-unconfirmed="address"]',
    );
    await expectText(page, "belongs to storage pool shared", '[data-unconfirmed="pool"]');
    await expectSoundPage(page, '[data-unconfirmed="pool"]');

    await pressButton(page, "Confirm 10.9.8.7");
    await expectText(page, "Confirm 10.9.8.7 of");
    await pressButton(page, "Confirm");
    await page.waitForSelector('[data-address="administrator"]');
    await pressButton(page, "Confirm its storage pool");
    await expectText(page, "Confirm the storage pool of");
    await pressButton(page, "Confirm");
    await page.waitForFunction(`document.querySelector("[data-unconfirmed]") === null`);

    const { rows } = await db.query(
      "SELECT confirmed_address, storage_pool, claimed_storage_pool FROM hosts WHERE id = 'h-1'",
    );
    expect(rows).toEqual([
      { confirmed_address: "10.9.8.7", storage_pool: "shared", claimed_storage_pool: null },
    ]);
    expect(complaints).toEqual([]);
  });

  test("reports how far its journal is ingested and its clock is off, in both languages", async () => {
    const { page, complaints } = await scene.open("/hosts/h-1", scene.control.api.admin);
    const ingested = (row: number) =>
      scene.control.api.db.query("UPDATE host_journals SET watermark = $1", [row]);

    await expectText(page, "12 rows behind (up to row 0 of 12)");
    await expectText(page, "2.3 s behind");
    await page.hover("::-p-aria([name='Heard'][role='rowheader']) [data-definition]");
    await expectText(page, "one comes every ten seconds", '[role="tooltip"]');
    await ingested(11);
    await reloadIn(page, "en");
    await expectText(page, "1 row behind (up to row 11 of 12)");
    await ingested(12);
    await reloadIn(page, "zh");
    await expectText(page, "已全部入账（第 12 行，共 12 行）");
    await expectText(page, "慢 2.3 秒");
    await ingested(0);
    await reloadIn(page, "zh");
    await expectText(page, "落后 12 行（第 0 行，共 12 行）");
    expect(complaints).toEqual([]);
  });

  test("shows what its cards do now, and in place of what one reported last that it vanished", async () => {
    const { page } = await scene.loggedIn(scene.control.api.admin);
    await page.evaluateOnNewDocument(HURRIED_POLLS);
    const streaming = page.waitForResponse(
      (answer) => answer.url().includes("/api/v1/stream?") && answer.ok(),
    );
    await page.goto(`${scene.url}/hosts/h-1`);
    await streaming;
    // What is asked for once the stream begins, and again by itself.
    for (let nth = 0; nth < 3; nth += 1)
      await page.waitForResponse((answer) => answer.url().includes("/h-1/gpus"));
    const cards = 'section[aria-label="GPUs"]';
    await expectText(page, /\b0 %[^]*\b0 %/, cards);
    const now = (change: string) => scene.control.api.db.query(`UPDATE gpus SET ${change}`);
    onTestFinished(async () => void (await now("vanished_at = NULL")));

    await now("utilization_percent = 83 + gpu_index, last_seen_at = now()");
    await expectText(page, /83 %[^]*84 %/, cards);
    await now("vanished_at = CASE WHEN gpu_index = 1 THEN now() END");
    await page.waitForSelector(`${cards} [data-vanished]`);

    // A heartbeat meanwhile brings the readings of the other one anew.
    expect(await textOf(page, cards)).toMatch(/\b\d+ %[^]*not reported[^]*Vanished/);
    expect(await textOf(page, cards)).not.toContain("84 %");
  });

  test("states since when unchanged readings are known by the newest heartbeat, and an hour of them", async () => {
    const { control } = scene;
    // As of a card that said the same in every heartbeat since.
    await control.api.db.query("UPDATE gpus SET last_seen_at = now() - interval '50 seconds'");
    await control.hosts[0]?.beatAgain();
    const { page } = await scene.open("/hosts/h-1", control.api.admin);
    const cards = 'section[aria-label="GPUs"]';
    await page.waitForSelector(`${cards} td:last-child time`);

    const ages = await page.$$eval(`${cards} td:last-child time`, (times) =>
      times.map((time) => Date.now() - Date.parse((time as unknown as { dateTime: string }).dateTime)),
    );
    expect(ages.length).toBe(2);
    expect(Math.max(...ages)).toBeLessThan(40_000);

    await page.click('button[aria-pressed="false"]');
    const lines = 'section[aria-label="Lines of GPU 0"] select';
    await page.waitForSelector(lines);
    const requested = page.waitForRequest((request) => stretchOf(request.url()) === MS_PER_HOUR);
    await page.select(lines, "hour");
    await expectText(page, "One hour", lines);
    await requested;
  });

  test("cordons it, which its events list, and drains it", async () => {
    const { page } = await scene.open("/hosts/h-1", scene.control.api.admin);
    await page.waitForSelector('[data-status="connected"]');

    await pressButton(page, "Cordon");
    await page.waitForSelector('[data-status="cordoned"]');
    await expectText(page, "host-cordoned");
    const { body: events } = await scene.control.api.request("GET", "/api/v1/hosts/h-1/events?limit=1", {
      as: scene.control.api.admin,
    });
    const trace = String(events.items[0]?.trace_id);
    await expectText(page, trace.slice(0, 8), `[data-trace="${trace}"]`);
    await pressButton(page, "Uncordon");
    await expectText(page, "host-uncordoned");
    await pressButton(page, "Drain");
    await page.waitForSelector("[data-hit]");
    await page.select("[role='dialog'] select", "3600");
    await pressButton(page, "Drain");

    await expectText(page, /Drained at\s+in/);
    const { body } = await scene.control.api.request("GET", "/api/v1/hosts/h-1", {
      as: scene.control.api.admin,
    });
    expect(body.drain_deadline_at).not.toBeNull();
  });

  test.each(["/hosts/h-2", "/hosts/%3Cscript%3E"])(
    "%s is not there, and the page states so",
    async (path) => {
      const { page } = await scene.open(path, scene.control.api.admin);

      await page.waitForSelector("[data-not-found]");
      expect(await page.$("[data-status]")).toBeNull();
    },
  );

  test("is not found by a customer", async () => {
    const { page } = await scene.open("/hosts/h-1", customer);

    await page.waitForSelector("[data-not-found]");
    expect(await page.$("[data-status]")).toBeNull();
  });
});
