/**
 * Whatever can be named is named as badly as the API lets it be, and then every page is looked at by who has it and by the
 * fleet's owner, in both languages, at a desk and on a phone.
 */
import { closeDueMonths } from "@remotegpu/control-plane/server/controllers/billing/month-closing";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { GIB } from "@remotegpu/shared/values/units";
import type { Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { insertRecords } from "../../../support/billing/bill-records.ts";
import { CHINA } from "../../../support/billing/metering-scene.ts";
import { hasBrowser } from "../../../support/engines/chromium/browser.ts";
import {
  type DashboardScene,
  openDashboardScene,
  type OpenedPage,
} from "../../../support/dashboard/dashboard-scene.ts";
import {
  bare,
  COUNT_REQUESTS,
  goWithin,
  hostileName,
  namesOn,
  stands,
} from "../../../support/dashboard/name-checks.ts";
import { type Language, speaks } from "../../../support/dashboard/page-checks.ts";
import type { Answer, Caller } from "../../../support/http/api.ts";

const PUBLIC_KEY =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBmVJ4vlGpLJXiCtDXFnHEbAhCUcvqsZPsGvQB7v5Uxq ada@laptop";
const LANGUAGES = ["en", "zh"] as const;

let scene: DashboardScene;
let alice: Caller & { workspaceId: number };
let ids: Record<
  | "environment"
  | "job"
  | "waits"
  | "group"
  | "service"
  | "dataset"
  | "model"
  | "webhook"
  | "team"
  | "invoice",
  string
>;
/** By the kind of thing: what it is called. */
const called = new Map<string, string>();

function name(kind: string, length: number): string {
  const made = hostileName(kind, length);
  called.set(kind, made);
  return made;
}

async function request(
  method: string,
  path: string,
  body?: object,
  as: Caller = alice,
): Promise<Answer["body"]> {
  const answer = await scene.control.api.request(method, `/api/v1${path}`, { as, ...(body && { body }) });
  if (answer.status >= 400) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

const SIZE = { cpu: 1, memory: GIB, gpu: 0, image: "busybox:1" };

beforeAll(async () => {
  scene = await openDashboardScene();
  const { control } = scene;
  const { admin } = control.api;
  alice = await control.customer("alice", "100000");
  const bob = await control.customer("bob");
  const host = await control.host("h-1", { gpus: 1, cpu: 64, leases: true });
  await request("PATCH", `/customers/${alice.customerId}`, { display_name: name("display", 128) }, admin);
  await request("PATCH", "/hosts/h-1", { name: name("host", 128) }, admin);
  // The API takes no such labels; rows of before may have them.
  const labels = { [hostileName("label", 60)]: name("value", 60) };
  await control.api.db.query("UPDATE hosts SET labels = $1", [JSON.stringify(labels)]);
  const environment = await request("POST", "/environments", {
    ...SIZE,
    gpu: 1,
    name: name("environment", 128),
    description: name("description", 300),
  });
  const job = await request("POST", "/training-jobs", {
    ...SIZE,
    name: name("job", 128),
    command: name("command", 300),
    description: name("job-description", 300),
  });
  await control.schedule();
  await host.round();
  await control.workloads();
  const sweep = { ...SIZE, name: name("array", 100), command: "true", array: { from: 0, to: 1 }, gpu: 1 };
  const { group_id: group } = await request("POST", "/training-jobs", sweep);
  const waits = await request("POST", "/training-jobs", {
    ...SIZE,
    name: name("waiting", 128),
    command: "true",
    gpu: 1,
  });
  const service = await request("POST", "/inference-services", {
    ...SIZE,
    gpu: 1,
    name: name("service", 128),
    version: name("version", 64),
  });
  await control.replicas();
  await control.schedule();
  await request("POST", `/inference-services/${service.id}/keys`, { name: name("service-key", 128) });
  const dataset = await request("POST", "/datasets", { name: name("dataset", 256) });
  const model = await request("POST", "/models", {
    name: name("model", 256),
    description: name("of-model", 300),
  });
  const image = { name: "busybox:1", display_name: name("image", 128), framework: name("framework", 64) };
  await request("POST", "/images", image, admin);
  await request("POST", "/ssh-keys", { name: name("ssh-key", 128), public_key: PUBLIC_KEY });
  await request("POST", "/api-keys", { name: name("api-key", 128), scopes: ["read"] });
  const webhook = await request("POST", "/webhooks", { url: `https://hooks.example.com/${"w".repeat(300)}` });
  const team = await request("POST", "/workspaces", { name: name("workspace", 128) });
  await request("POST", `/workspaces/${team.id}/members`, { username: "bob", role: "member" });
  const toAlice = await request("POST", "/workspaces", { name: name("invited-to", 128) }, bob);
  await request("POST", `/workspaces/${toAlice.id}/members`, { username: "alice", role: "member" }, bob);
  await request(
    "POST",
    `/customers/${alice.customerId}/adjustments`,
    { amount: "1", reason: name("reason", 300) },
    admin,
  );
  await request("PUT", "/specs/hostile-spec", { description: hostileName("spec", 300) }, admin);
  await request("POST", "/hosts/h-1/cordon", { reason: name("cordon", 300) }, admin);
  const { db } = control.api;
  const called = hostileName("alarm", 128);
  await db.query(
    "INSERT INTO alarms (kind, subject, detail, raised_at) VALUES ('host-floods', $1, $2, now())",
    [called, name("alarm", 300)],
  );
  await insertRecords(db, [
    {
      customer_id: alice.customerId,
      workspace_id: team.id,
      resource_name: name("charged", 128),
      amount: "12.5000",
      invoice_month: "2026-03-01",
      usage_month: "2026-03-01",
    },
  ]);
  const hour = new Date("2026-04-05T00:00:00Z");
  const term = (await acquireLeadership(db, { holder: "the test", now: hour })) ?? 0;
  await closeDueMonths({ db, calendar: CHINA }, { hour, term, now: hour });
  const { items: invoices } = await request("GET", "/billing/invoices");
  ids = {
    environment: environment.id,
    job: job.id,
    waits: waits.id,
    group,
    service: service.id,
    dataset: dataset.id,
    model: model.id,
    webhook: webhook.id,
    team: team.id,
    invoice: invoices[0].id,
  };
});
afterAll(() => scene.close());

const ofAll = () => [
  "/queue",
  `/queue?open=training/${ids.waits}/0`,
  "/environments",
  `/environments/${ids.environment}`,
  "/training",
  "/training?by=array",
  `/training?group_id=${ids.group}`,
  `/training/${ids.job}`,
  `/training/${ids.waits}`,
  "/inference",
  `/inference/${ids.service}`,
  `/data?dataset=${ids.dataset}&model=${ids.model}`,
  "/images",
  `/members?workspace=${ids.team}`,
  "/billing",
  `/billing/invoices/${ids.invoice}`,
];
const ofAlice = () => [
  ...ofAll(),
  "/environments?order=new",
  `/training?order=${ids.job}`,
  "/inference?order=new",
  "/keys",
  `/webhooks?webhook=${ids.webhook}`,
];
const ofOwner = () => [
  ...ofAll(),
  "/fleet",
  `/fleet?group=${encodeURIComponent(`label:${hostileName("label", 60)}`)}`,
  "/hosts/h-1",
  "/money",
  `/money?customer=${alice.customerId}`,
  "/alarms",
  "/audit",
  "/settings",
];

/** Of each dialog: the page that opens it, and the words of its button. */
const DIALOGS = (): [path: string, button: string][] => [
  [`/queue?open=training/${ids.waits}/0`, "Change"],
  [`/queue?open=training/${ids.waits}/0`, "Cancel the job"],
  [`/environments/${ids.environment}`, "Delete"],
  [`/training/${ids.job}`, "Delete"],
  [`/inference/${ids.service}`, "Scale"],
  [`/inference/${ids.service}`, "Stop"],
  [`/inference/${ids.service}`, "Revoke"],
  [`/data?dataset=${ids.dataset}`, "Delete"],
  [`/members?workspace=${ids.team}`, "Decline"],
  ["/keys", "Remove"],
  [`/webhooks`, "Remove"],
];

async function openAs(who: Caller, path: string, language: Language): Promise<OpenedPage> {
  const opened = await scene.loggedIn(who);
  await opened.page.evaluateOnNewDocument(COUNT_REQUESTS);
  await speaks(opened.page, language);
  await opened.page.goto(scene.url + path);
  await stands(opened.page);
  return opened;
}

describe.skipIf(!hasBrowser)("names of any kind (left out where Chromium is not installed)", () => {
  const visible: string[] = [];
  const seen = async (page: Page, what: string) => {
    const { wrong, texts } = await namesOn(page, what);
    visible.push(...texts);
    return wrong;
  };
  const checkedAt = async (page: Page, paths: readonly string[]) => {
    const wrong: string[] = [];
    for (const path of paths) {
      await goWithin(page, path);
      wrong.push(...(await seen(page, path)));
    }
    return wrong;
  };

  test.each(LANGUAGES)("are text on every page of who has the things, in %s", async (language) => {
    const { page, complaints } = await openAs(alice, "/queue", language);

    const wrong = await checkedAt(page, ofAlice());

    expect(wrong).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test.each(LANGUAGES)("are text on every page of the fleet's owner, in %s", async (language) => {
    const { page, complaints } = await openAs(scene.control.api.admin, "/queue", language);

    const wrong = await checkedAt(page, ofOwner());

    expect(wrong).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test("are text in dialogs, in the window's title and in what is found", async () => {
    const { page, complaints } = await openAs(alice, "/queue", "en");
    const wrong: string[] = [];
    for (const [path, button] of DIALOGS()) {
      await goWithin(page, path);
      await page.evaluate(
        `[...document.querySelectorAll("main button")].find((one) => one.innerText.trim() === ${JSON.stringify(button)}).click()`,
      );
      await page.waitForSelector("[role='dialog'] button");
      wrong.push(...(await seen(page, `${button} on ${path}`)));
      await page.keyboard.press("Escape");
      await page.waitForSelector("[role='dialog']", { hidden: true });
    }
    await page.keyboard.down("Control");
    await page.keyboard.press("k");
    await page.keyboard.up("Control");
    await page.waitForSelector("[role='combobox']");
    await page.keyboard.type("hostile");
    await page.waitForSelector("#search-choice-1");
    wrong.push(...(await seen(page, "the search")));

    expect(wrong).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test("are each displayed somewhere, whole", () => {
    const missing = [...called].filter(([, one]) => !visible.some((text) => text.includes(bare(one))));
    expect(missing.map(([kind]) => kind)).toEqual([]);
  });
});
