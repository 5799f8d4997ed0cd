/**
 * Every dialog before something ends, of every page: it says what stops, what is kept and what is still charged, asks the
 * API for that one thing, and a refusal is told within it.
 */
import { globSync, readFileSync } from "node:fs";
import { setSetting } from "@remotegpu/control-plane/server/store/accounts/settings";
import { GIB } from "@remotegpu/shared/values/units";
import type { HTTPRequest, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser } from "../../../support/engines/chromium/browser.ts";
import { fill, press } from "../../../support/dashboard/by-hand.ts";
import { type DashboardScene, openDashboardScene } from "../../../support/dashboard/dashboard-scene.ts";
import { dialogGone } from "../../../support/dashboard/keyboard.ts";
import { COUNT_REQUESTS, goWithin } from "../../../support/dashboard/name-checks.ts";
import { expectText, textOf } from "../../../support/dashboard/page-checks.ts";
import type { Caller } from "../../../support/http/api.ts";
import { sessionOn } from "../../../support/samples/reports/access-report.ts";
import { ScriptedGateway } from "../../../support/worlds/services/scripted-gateway.ts";

const DIALOG = '[role="dialog"]';
const PARTS = ["What stops", "What stays", "What is still charged"];
const REFUSAL = "It cannot be just now.";
const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const PAGES = new URL("../../../../control-plane/dashboard/src/pages/", import.meta.url).pathname;
/** What such a dialog is made with. */
const DIALOG_MADE = /\bconsequences[=:]|<ConfirmDialog|<Consequences/;
const PUBLIC_KEY =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBmVJ4vlGpLJXiCtDXFnHEbAhCUcvqsZPsGvQB7v5Uxq ada@laptop";

interface EndingDialog {
  /** The button that opens it, which is also the one that agrees. */
  act: string;
  /** Where that button is, among others of its name. */
  within?: string;
  request: string;
  file: string;
}

interface Place {
  as: "ada" | "bob" | "admin";
  /** With ids of what there is. */
  path: string;
  dialogs: readonly EndingDialog[];
}

const section = (title: string) => `section[aria-label="${title}"]`;
const one = (act: string, request: string, file: string, within?: string): EndingDialog => ({
  act,
  request,
  file,
  ...(within !== undefined && { within }),
});

const ENVIRONMENT = "environments/one/actions.tsx";
const QUEUE = "queue/order-actions.tsx";
const JOB = "training/job/job-actions.tsx";
const ARRAY = "training/array-panel.tsx";
const SERVICE = "inference/service-actions.tsx";
const DATA = "data/entry-panel.tsx";
const BROWSERS = "keys/browsers.tsx";
const MEMBERS = "members/members-table.tsx";
const WEBHOOKS = "webhooks/webhooks-page.tsx";

const PLACES: readonly Place[] = [
  {
    as: "ada",
    path: "/environments/{env}",
    dialogs: [
      one("Stop", "POST /environments/{env}/stop", ENVIRONMENT),
      one("Restart", "POST /environments/{env}/restart", ENVIRONMENT),
      one("Delete", "DELETE /environments/{env}", ENVIRONMENT),
      one(
        "Make another password",
        "POST /environments/{env}/ssh-password",
        "environments/access/password-button.tsx",
      ),
      one(
        "End",
        "DELETE /environments/{env}/shares/#",
        "environments/access/shares-panel.tsx",
        section("Shared links"),
      ),
      one(
        "End",
        "DELETE /environments/{env}/sessions/#",
        "environments/access/who-is-in.tsx",
        section("Who is in"),
      ),
    ],
  },
  {
    as: "ada",
    path: "/queue?open=environment/{waiting}/0",
    dialogs: [one("Take it out", "POST /environments/{waiting}/stop", QUEUE)],
  },
  {
    as: "ada",
    path: "/queue?open=training/{job}/0",
    dialogs: [one("Cancel the job", "POST /training-jobs/{job}/cancel", QUEUE)],
  },
  {
    as: "ada",
    path: "/queue?open=inference/{service}/0",
    dialogs: [one("Stop the service", "POST /inference-services/{service}/stop", QUEUE)],
  },
  {
    as: "ada",
    path: "/training/{job}",
    dialogs: [
      one("Cancel the job", "POST /training-jobs/{job}/cancel", JOB),
      one("Delete", "DELETE /training-jobs/{job}", JOB),
    ],
  },
  {
    as: "ada",
    path: "/training?group_id={array}",
    dialogs: [
      one("Cancel all", "POST /training-job-groups/{array}/cancel", ARRAY),
      one("Delete all", "DELETE /training-job-groups/{array}", ARRAY),
    ],
  },
  {
    as: "ada",
    path: "/inference/{service}",
    dialogs: [
      one("Stop", "POST /inference-services/{service}/stop", SERVICE),
      one("Roll back", "POST /inference-services/{service}/rollback", SERVICE),
      one("Delete", "DELETE /inference-services/{service}", SERVICE),
      one("Revoke", "DELETE /inference-services/{service}/keys/#", "inference/keys-panel.tsx"),
    ],
  },
  {
    as: "ada",
    path: "/data?dataset={dataset}",
    dialogs: [one("Delete", "DELETE /datasets/{dataset}", DATA)],
  },
  { as: "ada", path: "/data?model={model}", dialogs: [one("Delete", "DELETE /models/{model}", DATA)] },
  {
    as: "ada",
    path: "/keys",
    dialogs: [
      one("Remove", "DELETE /ssh-keys/#", "keys/ssh-keys.tsx", section("SSH keys")),
      one("Revoke", "DELETE /api-keys/#", "keys/api-keys.tsx"),
      one("Log out", "DELETE /sessions/#", BROWSERS, "main"),
      one("Log out all others", "DELETE /sessions/others", BROWSERS),
    ],
  },
  {
    as: "ada",
    path: "/members?workspace={workspace}",
    dialogs: [
      one("Remove", "DELETE /workspaces/{workspace}/members/#", MEMBERS, section("Members")),
      one("Change", "PATCH /workspaces/{workspace}/members/#", MEMBERS),
      one("Withdraw", "DELETE /workspaces/{workspace}/invitations/{invitation}", MEMBERS),
      one("Delete the workspace", "DELETE /workspaces/{workspace}", "members/members-page.tsx"),
    ],
  },
  {
    as: "bob",
    path: "/members",
    dialogs: [one("Decline", "POST /invitations/{toBob}/decline", "members/invitations-to-me.tsx")],
  },
  {
    as: "ada",
    path: "/webhooks",
    dialogs: [
      one("Switch off", "PATCH /webhooks/{webhook}", WEBHOOKS),
      one("New secret", "POST /webhooks/{webhook}/secret", WEBHOOKS),
      one("Remove", "DELETE /webhooks/{webhook}", WEBHOOKS),
    ],
  },
  { as: "admin", path: "/images", dialogs: [one("Remove", "DELETE /images/#", "images/images-page.tsx")] },
  {
    as: "admin",
    path: "/hosts/rack-1",
    dialogs: [
      one("Drain", "POST /hosts/rack-1/drain", "fleet/host-actions.tsx"),
      one("Revoke", "POST /hosts/rack-1/revoke", "host/host-actions-panel.tsx"),
    ],
  },
  {
    as: "admin",
    path: "/money",
    dialogs: [one("Set this price", "POST /prices", "money/previewed-price.tsx")],
  },
];

let scene: DashboardScene;
let callers: Record<Place["as"], Caller>;
const ids: Record<string, string> = {};

beforeAll(async () => {
  scene = await openDashboardScene();
  const { control } = scene;
  const { admin, db, deps } = control.api;
  const [ada, bob, cleo] = [
    await control.customer("ada"),
    await control.customer("bob"),
    await control.customer("cleo"),
  ];
  callers = { ada, bob, admin };
  await setSetting(db, "DEFAULT_QUOTA_LEVEL", "enterprise");
  const host = await control.host("rack-1", { gpus: 1, ssh: true, leases: true });
  await new ScriptedGateway("gw-1", { db, now: deps.now }).live();

  ids["env"] = await made("/environments", { name: "runs", image: "busybox:1", ...SIZE });
  await host.heartbeat();
  await control.schedule();
  await host.pull();
  host.bindLeases();
  await host.report(host.desired.map((wanted) => host.observedOf(wanted, { phase: "ready" })));
  await control.workloads();
  host.access = { sessions: [sessionOn(host, ids["env"])], attempts: [], isWhole: true };
  await host.round();
  await made(`/environments/${ids["env"]}/shares`, { port: 8_000, hours: 2 });
  await made(`/environments/${ids["env"]}/ssh-password`, {});

  ids["waiting"] = await made("/environments", { name: "waits", image: "busybox:1", ...SIZE });
  const job = { image: "trainer:1", command: "true", ...SIZE };
  ids["job"] = await made("/training-jobs", { name: "train", ...job });
  await made("/training-jobs", { name: "sweep", ...job, array: { from: 0, to: 2 } });
  const arrays = await control.api.request("GET", "/api/v1/training-job-groups", { as: ada });
  ids["array"] = arrays.body.items[0]!.id;
  ids["service"] = await made("/inference-services", {
    name: "chat",
    image: "server:1",
    version: "1",
    ...SIZE,
  });
  await control.replicas();
  await made(`/inference-services/${ids["service"]}/upgrade`, { version: "2" });
  await made(`/inference-services/${ids["service"]}/keys`, { name: "app" });
  await control.schedule();

  ids["dataset"] = await made("/datasets", { name: "pictures" });
  ids["model"] = await made("/models", { name: "weights" });
  await made("/ssh-keys", { name: "laptop", public_key: PUBLIC_KEY });
  ids["webhook"] = await made("/webhooks", { url: "https://hooks.example.com/in" });
  await made("/images", { name: "old/trainer:1" }, admin);
  const workspace = Number(await made("/workspaces", { name: "lab" }));
  ids["workspace"] = String(workspace);
  await control.api.join(workspace, ada, cleo, "member");
  ids["invitation"] = await made(`/workspaces/${workspace}/members`, { email: "dan@example.com" });
  const other = await made("/workspaces", { name: "another" });
  ids["toBob"] = await made(`/workspaces/${other}/members`, { username: "bob" });
});
afterAll(() => scene.close());

const SIZE = { cpu: 1, memory: GIB, gpu: 1 };

async function made(path: string, body: object, as: Caller = callers.ada): Promise<string> {
  const answer = await scene.control.api.request("POST", `/api/v1${path}`, { as, body });
  if (answer.status >= 300) throw new Error(`${path}: ${JSON.stringify(answer.body)}`);
  return String(answer.body?.id);
}

const withIds = (text: string) => text.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? name);

/** From here on whatever would change something is refused, and kept: `POST /environments/env-1/stop`. */
async function refuseActions(page: Page): Promise<string[]> {
  const requested: string[] = [];
  await page.setRequestInterception(true);
  page.on("request", (request: HTTPRequest) => {
    const { pathname } = new URL(request.url());
    const isChecking = request.method() === "GET" || pathname.endsWith("/preview");
    if (isChecking) return void request.continue();
    requested.push(`${request.method()} ${pathname.replace("/api/v1", "")}`);
    const body = JSON.stringify({ title: "Conflict", status: 409, detail: REFUSAL, trace_id: TRACE_ID });
    void request.respond({ status: 409, contentType: "application/problem+json", body });
  });
  return requested;
}

/** What stands under each heading of the dialog. */
async function printedIn(page: Page): Promise<[string, string][]> {
  return (await page.evaluate(
    `[...document.querySelectorAll('${DIALOG} ul')].map((list) => [list.previousElementSibling?.innerText ?? "", list.innerText.trim()])`,
  )) as [string, string][];
}

describe.skipIf(!hasBrowser)(
  "a dialog before something ends (left out where Chromium is not installed)",
  () => {
    test.each(["ada", "bob", "admin"] as const)(
      "states what comes of it, requests that alone, and displays a refusal: to %s",
      async (as) => {
        const { page } = await scene.loggedIn(callers[as]);
        await page.setViewport({ width: 1200, height: 900 });
        await page.evaluateOnNewDocument(COUNT_REQUESTS);
        const requested = await refuseActions(page);
        await page.goto(`${scene.url}/queue`);

        for (const place of PLACES.filter((one) => one.as === as)) {
          await goWithin(page, withIds(place.path));
          if (place.path === "/money") await previewPrice(page);
          for (const dialog of place.dialogs) {
            const { output, wanted } = await refused(page, dialog);
            expect(output.map(([heading]) => heading)).toEqual(PARTS);
            for (const [, lines] of output) expect(lines).toMatch(/^(Nothing|\P{Ll}.{6,})/u);
            expect(requested.splice(0)).toEqual([expect.stringMatching(wanted)]);
          }
        }
      },
    );
  },
);

async function refused(page: Page, { act, within = "main", request }: EndingDialog) {
  await press(page, act, within);
  await page.waitForSelector(`${DIALOG} ul`);
  const output = await printedIn(page);
  await press(page, act, DIALOG);
  await expectText(page, REFUSAL, DIALOG);
  expect(await textOf(page, `${DIALOG} [data-trace="${TRACE_ID}"]`)).toBe(TRACE_ID.slice(0, 8));
  await page.keyboard.press("Escape");
  await dialogGone(page);
  return { output, wanted: new RegExp(`^${withIds(request).replace("#", String.raw`\d+`)}$`) };
}

/** Shown only while a host waits for an administrator's word; host-page.test.ts presses what it asks. */
const CONFIRMATIONS = "host/host-confirmations.tsx";

test("no page has such a dialog beside those", () => {
  const files = globSync("**/*.tsx", { cwd: PAGES }).filter((file) =>
    DIALOG_MADE.test(readFileSync(PAGES + file, "utf8")),
  );

  const known = new Set(PLACES.flatMap(({ dialogs }) => dialogs.map(({ file }) => file)));
  expect(files.toSorted()).toEqual([...known, CONFIRMATIONS].toSorted());
});

async function previewPrice(page: Page): Promise<void> {
  await fill(page, "Spec", "looked-at");
  await fill(page, "Line", "gpu");
  await fill(page, "Points", "2.5");
  await page.click('input[name="new_spec"]');
  await press(page, "Show what it changes");
}
