/** The pages of environments as they look: whatever stands in names, to whom, in both themes and languages, and narrow. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser } from "../../../support/engines/chromium/browser.ts";
import { waiveBroken } from "@remotegpu/control-plane/server/store/billing/runs/run-waivers";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { keepWatches } from "@remotegpu/control-plane/server/store/environments/idle-watches";
import { fill, press } from "../../../support/dashboard/by-hand.ts";
import { type DashboardScene, openDashboardScene } from "../../../support/dashboard/dashboard-scene.ts";
import { expectSoundPage, expectNarrow, expectText, textOf } from "../../../support/dashboard/page-checks.ts";
import { HURRIED_POLLS } from "../../../support/dashboard/page-polls.ts";
import { eventually } from "../../../support/eventually.ts";
import type { Caller } from "../../../support/http/api.ts";
import type { ScriptedHost } from "../../../support/worlds/control-scene.ts";
import { writtenLog } from "../../../support/worlds/written-log.ts";

const SLOW_MS = 240_000;
const HOSTILE = [
  `<img src=x onerror="document.title='taken'">`,
  "\u202Edetrevni \u{1F680}\u{1F468}‍\u{1F469}‍\u{1F467}",
  "w".repeat(128),
] as const;
const PASSWORD = /[a-z2-9]{5}(-[a-z2-9]{5}){5}/;
/** Of each dialog that stops something. */
const PARTS = ["What stops", "What stays", "What is still charged"];
const LONG = "<b>long</b>".repeat(28);

let scene: DashboardScene;
let ada: Caller;
let host: ScriptedHost;
const ids: string[] = [];

beforeAll(async () => {
  scene = await openDashboardScene();
  const { control } = scene;
  ada = await control.customer("ada");
  host = await control.host("rack-1", { gpus: 2, ssh: true, leases: true });
  for (const [index, name] of HOSTILE.entries()) {
    const { body } = await control.order(ada, { name, gpu: index === 0 ? 1 : 0, description: LONG });
    ids.push(String(body.id));
  }
  await control.schedule();
  await host.round();
  await control.workloads();
  // One that waits, and says why.
  ids.push(String((await control.order(ada, { name: "waits", gpu: 2 })).body.id));
  await control.schedule();
  control.api.deps.link.openLogs = () =>
    Promise.resolve(writtenLog("first\n\u001B[31mred <b>bold</b>\u001B[0m\nlast\n"));
}, SLOW_MS);
afterAll(() => scene.close());

describe.skipIf(!hasBrowser)("pages of environments (left out where Chromium is not installed)", () => {
  test(
    "show hostile names as text",
    async () => {
      const { page, complaints } = await scene.open("/environments", ada);
      for (const name of HOSTILE) await expectText(page, name);
      await expectNarrow(page);

      for (const [index, name] of HOSTILE.entries()) {
        await page.goto(`${scene.url}/environments/${ids[index]}`);
        await expectText(page, name, "h1");
        await expectText(page, LONG);
        expect(await page.title()).toContain(name);
        await expectNarrow(page);
      }
      expect(await page.$('img[src="x"], main b')).toBeNull();
      expect(complaints).toEqual([]);
    },
    SLOW_MS,
  );

  test(
    "show values of variables once somebody requests them, and what of a run is not charged by which rule",
    async () => {
      const { control } = scene;
      const { db } = control.api;
      const { body } = await control.order(ada, { name: "with variables", env_vars: { TOKEN: "s3cret" } });
      await control.schedule();
      await host.round();
      await control.workloads();
      const now = control.api.deps.now();
      const { rows } = await db.query<{ id: string }>("SELECT id FROM runs WHERE resource_id = $1", [
        body.id,
      ]);
      await db.query(
        `UPDATE runs SET first_proven_at = $2, last_proven_at = $3, proven_ms = 600000, waived_ms = 300000,
                waive_from = $2::timestamptz + interval '8 minutes', waive_reason = 'stop-by-person: ordered by customer 1' WHERE id = $1`,
        [rows[0]?.id, new Date(now.getTime() - 600_000), now],
      );
      const evidence = { sentence: "The card was lost." };
      await transaction(db, async (sql) => {
        await waiveBroken(
          sql,
          {
            runId: rows[0]?.id ?? "",
            reason: "gpu-lost",
            from: new Date(now.getTime() - 540_000),
            to: null,
            evidence,
          },
          now,
        );
      });
      const { page, complaints } = await scene.open(`/environments/${body.id}`, ada);
      await expectText(page, "TOKEN", "[data-variables]");
      expect(await page.content()).not.toContain("s3cret");

      await press(page, "Show values");
      await expectText(page, "TOKEN=s3cret", "[data-variables]");
      await press(page, "Hide values");
      await page.waitForFunction(`document.querySelector("[data-variables]")?.textContent === "TOKEN"`);

      const checks = await db.query("SELECT FROM audit_log WHERE subject LIKE $1", [
        `%${body.id}, with values of env_vars`,
      ]);
      expect(checks.rowCount).toBe(1);
      await expectText(page, "GPU lost (gpu-lost): The card was lost.");
      await expectText(page, /stopped by a person \(stop-by-person\): not charged since/);
      await expectText(page, /1 run is free now:\s*stopped by a person/);
      await page.waitForSelector("[data-free-now]");
      expect(complaints).toEqual([]);
    },
    SLOW_MS,
  );

  test(
    "of others are not found",
    async () => {
      const eve = await scene.control.customer("eve");
      const { page } = await scene.open(`/environments/${ids[0]}`, eve);

      await page.waitForSelector("[data-not-found]");

      expect(await textOf(page)).not.toContain("rack-1");
    },
    SLOW_MS,
  );

  test(
    "state why one waits, and what would start it now",
    async () => {
      const { page } = await scene.open(`/environments/${ids[3]}`, ada);

      await expectText(page, "Place in the queue: 1", 'section[aria-label="Why"]');
      await expectText(page, "it would start now", 'section[aria-label="Why"]');
      expect(await page.title()).toContain("waits");
    },
    SLOW_MS,
  );

  test(
    "count down to the stop of one that nobody uses, and no more once it is used",
    async () => {
      const { control } = scene;
      const { api } = control;
      const id = ids[0] ?? "";
      const { status, body } = await api.request("PATCH", `/api/v1/environments/${id}`, {
        as: ada,
        body: { config: { idle_stop_minutes: 30 } },
      });
      expect(status).toBe(200);
      const runId = String(body.instances[0]!.run_id);
      const checked = async (idleMinutes: number) => {
        const checkedAt = api.deps.now();
        const idleSince = new Date(checkedAt.getTime() - idleMinutes * 60_000);
        const rest = { cpu: null, cpuPercent: 0, gpuPercent: 0, warnedAt: null };
        await keepWatches(api.deps.db, [
          { environmentId: id, watch: { runId, idleSince, checkedAt, ...rest } },
        ]);
      };
      await checked(12.2);
      expect((await control.get(ada, id))["idle_since"]).not.toBeNull();

      const { page } = await scene.open(`/environments/${id}`, ada);
      const now = 'section[aria-label="Now"]';
      await page.waitForSelector('section[aria-label="Cost so far"] time');
      await expectText(page, /Unused since 1\d min\. ago/, now);
      await expectText(page, /Stops in 1\d min\. unless it is used/, now);
      await checked(0);

      await page.waitForFunction(
        "document.querySelector('main h1') && !document.querySelector('[data-idle]')",
      );
    },
    SLOW_MS,
  );

  test(
    "have the access methods with what to copy, and of each that is not there why",
    async () => {
      const { page } = await scene.open(`/environments/${ids[0]}`, ada);
      const ssh = 'section[aria-label="SSH"]';
      await expectText(page, /ssh -p \d+ root@10\.0\.0\.1/, ssh);
      await page.waitForSelector('section[aria-label="VS Code"] a');
      const link = `document.querySelector('section[aria-label="VS Code"] a').href`;
      expect(await page.evaluate(link)).toMatch(
        /^vscode:\/\/vscode-remote\/ssh-remote\+root@10\.0\.0\.1:\d+\/gemini\/code$/,
      );
      for (const service of ["JupyterLab", "Terminal", "TensorBoard", "Desktop (RDP)"])
        await page.waitForSelector(`section[aria-label="${service}"] [data-why]`);

      await press(page, "Make a password", ssh);
      await expectText(page, PASSWORD, ssh);
      const [before] = PASSWORD.exec(await textOf(page, ssh)) ?? [];
      await press(page, "I have it", ssh);
      await press(page, "Make another password", ssh);
      for (const part of PARTS) await expectText(page, part, '[role="dialog"]');
      await press(page, "Make another password", '[role="dialog"]');
      await expectText(page, PASSWORD, ssh);
      expect(await textOf(page, ssh)).not.toContain(before);
    },
    SLOW_MS,
  );

  test(
    "show what its card does, as its host reports it",
    async () => {
      const { page } = await scene.open(`/environments/${ids[0]}`, ada);
      const gpus = 'section[aria-label="GPUs"]';
      await expectText(page, /\d+ %/, gpus);
      const { uuid } = host.gpus[0] ?? { uuid: "" };

      host.gpus = host.gpus.map((gpu) => ({ ...gpu, utilizationPercent: 72, memoryUsedMib: 12_288 }));
      await host.round();

      await expectText(page, "72 %", gpus);
      await expectText(page, "12 GiB", gpus);
      // A line is of two that the stream has told, each of which differs from the one before.
      await eventually(
        async () => {
          host.gpus = host.gpus.map((gpu) => ({
            ...gpu,
            utilizationPercent: 145 - (gpu.utilizationPercent ?? 0),
          }));
          await host.round();
          return (await page.$(`${gpus} [data-gpu="${uuid}"] svg`)) !== null;
        },
        { what: "the line of its use" },
      );
      expect(await page.$(`${gpus} [data-gpu="${uuid}"] svg`)).not.toBeNull();
    },
    SLOW_MS,
  );

  test(
    "show what its card does where there is no stream, too",
    async () => {
      const { page } = await scene.loggedIn(ada);
      await page.evaluateOnNewDocument("delete Navigator.prototype.locks");
      await page.goto(`${scene.url}/environments/${ids[0]}`);

      const gpus = 'section[aria-label="GPUs"]';
      await expectText(page, /\d+ %[^]*\d+ °C/, gpus);
      expect(await textOf(page, gpus)).not.toContain("not reported");
    },
    SLOW_MS,
  );

  test(
    "go on with its time and its card's history, of which no change is reported",
    async () => {
      const { page } = await scene.loggedIn(ada);
      await page.evaluateOnNewDocument(HURRIED_POLLS);
      let histories = 0;
      page.on("request", (request) => void (histories += request.url().includes("/history") ? 1 : 0));
      await page.goto(`${scene.url}/environments/${ids[0]}`);
      await page.waitForSelector('section[aria-label="Runs"] table');
      // What is asked for at first and once the stream begins, and again by itself.
      for (let nth = 0; nth < 3; nth += 1)
        await page.waitForResponse((answer) => answer.url().endsWith("/instances"));

      await scene.control.api.db.query("UPDATE runs SET proven_ms = 5400000 WHERE resource_id = $1", [
        ids[0],
      ]);

      await expectText(page, /1 (h|hr),? 30 (m|min)/, 'section[aria-label="Runs"]');
      // At first, when the stream begins, and again by itself.
      await eventually(() => histories > 4, { what: "the history asked for again" });
      expect(histories).toBeGreaterThan(4);
    },
    SLOW_MS,
  );

  test(
    "show what it writes as text, and find words in it",
    async () => {
      const { page } = await scene.open(`/environments/${ids[0]}`, ada);
      const log = 'section[aria-label="Logs"]';
      await expectText(page, /first\nred <b>bold<\/b>\nlast/, log);

      await fill(page, "Search in this output", "BOLD");

      await expectText(page, "1 of 1", log);
      await press(page, "Next", log);
      const hit = await page.waitForSelector(".log-hit");
      expect(await hit?.evaluate((row) => row.textContent)).toBe("red <b>bold</b>");
    },
    SLOW_MS,
  );

  test.each([
    ["/environments", "table"],
    ["/environments?order=new", "[data-per-hour]"],
    ["/environments/running", 'section[aria-label="SSH"] code'],
  ])(
    "%s keeps to the rules of all pages",
    async (path, stands) => {
      const { page, complaints } = await scene.open(path.replace("running", ids[0] ?? ""), ada);

      await expectSoundPage(page, stands);

      expect(complaints).toEqual([]);
    },
    SLOW_MS,
  );
});
