/** A browser whose clock is two hours off: whatever a page says of time is the server's, on every page that does. */
import { GIB } from "@remotegpu/shared/values/units";
import type { Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser } from "../../support/engines/chromium/browser.ts";
import { type DashboardScene, openDashboardScene } from "../../support/dashboard/dashboard-scene.ts";
import { clockOff } from "../../support/dashboard/page-clock.ts";
import { speaks } from "../../support/dashboard/page-checks.ts";
import { eventually } from "../../support/eventually.ts";
import type { Caller } from "../../support/http/api.ts";
import { GangScene } from "../../support/worlds/fleet/gang-scene.ts";

const TWO_HOURS_MS = 7_200_000;
/** Between what a page says and our look at it. */
const SLACK_S = 30;
/** Of the end of a chart, which is a whole number of five minutes. */
const EDGE_SLACK_MS = 6 * 60_000;

const LOCALES = { en: "en", zh: "zh-CN" };
const STILL_LOADS = 'main [role="status"]:empty';

let scene: DashboardScene;
let alice: Caller;
const paths = { customer: [] as string[], admin: [] as string[] };

beforeAll(async () => {
  scene = await openDashboardScene();
  const { control } = scene;
  const { api } = control;
  const gang = await GangScene.begin(control, 2);
  ({ alice } = gang);
  const job = await gang.placed({ name: "job" });
  const request = async (path: string, body: object) => {
    const answer = await api.request("POST", `/api/v1${path}`, { as: alice, body });
    if (answer.status >= 300) throw new Error(`${path} was refused: ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const north = await control.host("north", { gpus: 1 });
  const { body: environment } = await control.order(alice, { name: "work", gpu: 1 });
  await control.schedule();
  await north.pull();
  await north.report(north.desired.map((wanted) => north.observedOf(wanted, { phase: "ready" })));
  await control.workloads();
  await control.order(alice, { name: "waits", gpu: 1 });
  await control.schedule();
  const service = await request("/inference-services", {
    name: "chat",
    image: "server:1",
    version: "v1",
    cpu: 1,
    memory: GIB,
  });
  await request("/datasets", { name: "data" });
  await request("/api-keys", { name: "key" });
  await api.db.query(
    "INSERT INTO alarms (kind, subject, detail, raised_at) VALUES ('host-floods', 'north', '', now())",
  );
  const card = north.gpus[0]?.uuid ?? "none";
  paths.admin = ["/fleet", `/hosts/north?card=${card}`, "/queue", "/money", "/alarms", "/audit"];
  paths.customer = [
    "/queue",
    "/environments",
    `/environments/${environment.id}`,
    "/training",
    `/training/${job}`,
    "/inference",
    `/inference/${service.id}`,
    "/billing",
    "/data",
    "/keys",
  ];
});
afterAll(() => scene.close());

interface ReportedTime {
  at: string;
  text: string;
}

async function timesOf(page: Page): Promise<ReportedTime[]> {
  return (await page.evaluate(
    `[...document.querySelectorAll("main time")].map((one) => ({ at: one.dateTime, text: one.innerText }))`,
  )) as ReportedTime[];
}

/** As it is at some moment of the last seconds. */
function isTrue({ at, text }: ReportedTime, language: string): boolean {
  const units = [
    ["day", 86_400],
    ["hour", 3_600],
    ["minute", 60],
    ["second", 1],
  ] as const;
  const format = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
  const seconds = Math.round((Date.parse(at) - Date.now()) / 1_000);
  return Array.from({ length: 2 * SLACK_S + 1 }, (_, nth) => seconds - SLACK_S + nth).some((about) => {
    const [unit, size] = units.find(([, length]) => Math.abs(about) >= length) ?? (["second", 1] as const);
    return format.format(Math.trunc(about / size), unit) === text;
  });
}

describe.skipIf(!hasBrowser)("by a clock that is off (left out where Chromium is not installed)", () => {
  test.each([
    ["ahead, in English", TWO_HOURS_MS, "en", "customer"],
    ["behind, in Chinese", -TWO_HOURS_MS, "zh", "customer"],
    ["behind, in English", -TWO_HOURS_MS, "en", "admin"],
    ["ahead, in Chinese", TWO_HOURS_MS, "zh", "admin"],
  ] as const)(
    "two hours %s, each page states how long ago things were, as the server counts",
    async (_how, offMs, language, who) => {
      const as = who === "admin" ? scene.control.api.admin : alice;
      const { page, complaints } = await scene.loggedIn(as);
      await page.evaluateOnNewDocument(clockOff(offMs));
      await speaks(page, language);
      const edges: { requested: string; ms: number }[] = [];
      page.on("request", (request) => {
        const { pathname, searchParams } = new URL(request.url());
        const to = searchParams.get("to");
        if (pathname.endsWith("/history") && to !== null)
          edges.push({ requested: request.url(), ms: Math.abs(Date.parse(to) - Date.now()) });
      });
      let oldCells = 0;
      const untrue: Record<string, ReportedTime[]> = {};
      for (const path of paths[who]) {
        await page.goto(scene.url + path);
        await eventually(async () => (await timesOf(page)).length > 0, { what: `a time on ${path}` });
        await page.waitForSelector(STILL_LOADS, { hidden: true });
        const wrong = (await timesOf(page)).filter((time) => !isTrue(time, LOCALES[language]));
        if (wrong.length > 0) untrue[path] = wrong;
        // By the browser's clock each sample would be hours old, or of the future.
        oldCells += (await page.$$("[data-place][data-old]")).length;
      }

      expect(untrue).toEqual({});
      expect(oldCells).toBe(0);
      expect(edges.filter(({ ms }) => ms > EDGE_SLACK_MS)).toEqual([]);
      expect(edges.length > 0).toBe(who === "admin");
      expect(complaints).toEqual([]);
    },
    240_000,
  );
});
