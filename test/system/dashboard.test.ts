/**
 * The dashboard on real parts: control plane, agent, gateway and containers as processes, and a browser that is used as a
 * person does. One environment goes through the whole file, since its cost grows meanwhile; what a test needs of it, it
 * asks for.
 */
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { hasBrowser, openPage } from "../support/engines/chromium/browser.ts";
import { builtDashboard } from "../support/dashboard/built.ts";
import { fill, follow, pathIs, press } from "../support/dashboard/by-hand.ts";
import { complaintsOf, reportFailure } from "../support/dashboard/dashboard-scene.ts";
import { dialogGone, openDialog, pressOn, typeInto } from "../support/dashboard/keyboard.ts";
import { expectText, textOf } from "../support/dashboard/page-checks.ts";
import { WITHOUT_POLLS } from "../support/dashboard/page-polls.ts";
import { type FreshDatabase, freshDatabase } from "../support/engines/postgres.ts";
import { eventually } from "../support/eventually.ts";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { House } from "../support/worlds/house.ts";
import { freePort } from "../support/engines/free-ports.ts";

const LOOPBACK = "127.0.0.1";
const CARDS = 2;
const DIALOG = '[role="dialog"]';
const NOW = 'section[aria-label="Now"]';
const OF_ONE = /^\/environments\/(env-[\w-]+)$/;
/** Of the session's cookie: of the right form, and nobody's. */
const FORGED = `rgb_${"A".repeat(43)}`;
const SESSION = "remotegpu_session";

let database: FreshDatabase;
let house: House;
/** As people open it: cookies know no ports. */
let url: string;
let hostId: string;
/** Ordered by the first test, and what it cost then. */
let environmentId: string;
let firstCost = 0;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  if (!hasBrowser) return;
  await builtDashboard();
  database = ending.adopt(await freshDatabase(), (one) => one.drop());
  const webPort = await freePort();
  const settings = {
    DATABASE_URL: database.url,
    WEB_DOMAIN: `localhost:${webPort}`,
    REMOTEGPU_GATEWAY_LISTEN: `${LOOPBACK}:${webPort}`,
  };
  house = ending.adopt(await House.open({ hosts: 0, settings }), (one) => one.close());
  ({ id: hostId } = await house.addHost({ REMOTEGPU_SIMULATED_GPUS: String(CARDS) }));
  url = house.url.replace(LOOPBACK, "localhost");
});
afterAll(() => ending.disposeAsync());

/** A browser of somebody's own, with what it complains of. */
async function browser(): Promise<{ page: Page; complaints: string[] }> {
  const page = await openPage();
  reportFailure(page);
  return { page, complaints: complaintsOf(page) };
}

/** As `remotegpu dashboard` prints it. */
async function printedLink(key: string): Promise<string> {
  const { stdout } = await house.cli(["dashboard"], { REMOTEGPU_KEY: key });
  return stdout.trim();
}

/** Logged in by such a link. */
async function entered(key: string): Promise<{ page: Page; complaints: string[] }> {
  const opened = await browser();
  await opened.page.goto(await printedLink(key));
  await opened.page.waitForSelector("nav a[aria-current]");
  return opened;
}

const statusIs = async (page: Page, status: string) =>
  await page.waitForSelector(`main [data-status="${status}"]`);

/** Until it is more than so many points. */
async function costsMoreThan(page: Page, points: number): Promise<number> {
  return await eventually(
    async () => {
      const visible = await page.$eval(`${NOW} [data-cost]`, (one) => one.getAttribute("data-cost") ?? "");
      return Number(visible) > points && Number(visible);
    },
    { withinMs: 120_000, what: `a cost of more than ${points}` },
  );
}

/** The tab that the page has opened, once somebody can type there. */
async function openedTerminal(page: Page, id: string): Promise<Page> {
  const target = await page.browserContext().waitForTarget((one) => one.url().includes(`//terminal-${id}.`));
  const terminal = await target.page();
  if (terminal === null) throw new Error("the terminal has no page");
  await terminal.waitForSelector('body[data-standing="open"]');
  return terminal;
}

const report = async (terminal: Page, what: RegExp) => await expectText(terminal, what, ".xterm-rows");

describe.skipIf(!hasBrowser)("by mouse (left out where Chromium is not installed)", () => {
  test("an environment is ordered, runs, is typed in at the gateway, and costs something", async () => {
    const { page, complaints } = await entered(house.customerKey);
    await press(page, "Order an environment");
    await fill(page, "Name", "by mouse");
    await fill(page, "Image", BUSYBOX_IMAGE);
    await fill(page, "CPU cores", "1");
    await fill(page, "Memory, GiB", "0.25");
    await page.waitForSelector('[data-fits="now"]');
    await press(page, "Order");
    environmentId = await pathIs(page, OF_ONE);
    await statusIs(page, "running");

    await press(page, "Open", 'section[aria-label="Terminal"]');
    const terminal = await openedTerminal(page, environmentId);
    await terminal.keyboard.type("echo it is $((40 + 2)); nvidia-smi -L\n");
    await report(terminal, /it is 42\s[^]*GPU 0: Simulated/);
    await page.bringToFront();
    firstCost = await costsMoreThan(page, 0);

    expect(new URL(terminal.url()).host).not.toBe(new URL(url).host);
    expect(complaints).toEqual([]);
  });
});

describe.skipIf(!hasBrowser)("by keyboard alone (left out where Chromium is not installed)", () => {
  test("an environment is ordered, typed in, costs something and is stopped, and its charge is proven", async () => {
    const { page, complaints } = await browser();
    await page.goto(url);
    await typeInto(page, "API key", house.customerKey);
    await page.keyboard.press("Enter");
    await pressOn(page, "Order an environment");
    await typeInto(page, "Name", "by keyboard");
    await typeInto(page, "Image", BUSYBOX_IMAGE);
    await typeInto(page, "CPU cores", "1");
    await typeInto(page, "Memory, GiB", "0.25");
    await pressOn(page, "Order");
    const id = await pathIs(page, OF_ONE);
    await statusIs(page, "running");

    await pressOn(page, "Open");
    const terminal = await openedTerminal(page, id);
    await terminal.keyboard.type("hostname; echo it is $((40 + 2))\n");
    await report(terminal, /it is 42/);
    await page.bringToFront();
    await costsMoreThan(page, 0);
    await openDialog(page, "Stop");
    await pressOn(page, "Stop");
    await dialogGone(page);
    await statusIs(page, "stopped");
    await expectText(page, "1 was ordered; it holds it while it runs.", 'section[aria-label="GPUs"]');
    await expectText(page, "ordered by customer, exit code 143, SIGTERM", 'section[aria-label="Runs"]');

    await pressOn(page, "Billing");
    const record = await chargeOf(id);
    await pressOn(page, `Proof of ${record}`);
    await page.waitForSelector('[data-proof="holds"]');
    await expectText(page, `Proof of record ${record}`, "h1");
    expect(complaints).toEqual([]);
  });
});

/** The newest record of what it was charged, once there is one. */
async function chargeOf(id: string): Promise<number> {
  return await eventually(
    async () => {
      const records = await house.customer.rows("/billing/records", { resource_id: id });
      return records.length > 0 && Number(records[0]?.id);
    },
    { what: `a charge of ${id}` },
  );
}

const cell = (nth: number, more = "") => `[data-place="${hostId}#${nth}"]${more}`;

describe.skipIf(!hasBrowser)("the fleet's map (left out where Chromium is not installed)", () => {
  test("shows a card that somebody cordons, and puts back, on every open page, by an event", async () => {
    const { page: watching } = await browser();
    await watching.evaluateOnNewDocument(WITHOUT_POLLS);
    const streaming = watching.waitForResponse(
      (answer) => answer.url().includes("/api/v1/stream?") && answer.ok(),
    );
    await watching.goto(await printedLink(house.adminKey));
    await watching.waitForSelector(cell(0, ":not([data-cordoned])"));
    await streaming;
    const { page } = await entered(house.adminKey);

    await (await page.waitForSelector(cell(0)))?.click();
    await press(page, "Cordon this card", DIALOG);
    await page.waitForSelector(cell(0, "[data-cordoned]"));
    // All is asked for when the stream begins, which might have been just then; the second change is the stream's alone.
    await watching.waitForSelector(cell(0, "[data-cordoned]"));
    await (await page.waitForSelector(cell(0)))?.click();
    await press(page, "Put it back in service", DIALOG);
    await watching.waitForSelector(cell(0, ":not([data-cordoned])"));

    const cards = await house.admin.rows(`/hosts/${hostId}/gpus`);
    expect(cards.map(({ cordoned }) => cordoned)).toEqual([false, false]);
  });
});

/** NATS is killed, and kept from being started again until the answer is called. */
async function natsKilled(): Promise<() => Promise<void>> {
  const folder = join(house.folder, "control-plane", "nats");
  const read = (name: string) => Number(readFileSync(join(folder, name), "utf8"));
  process.kill(read("nats.pid"), "SIGKILL");
  // Whoever takes its place at its port says nothing that NATS would.
  const inItsPlace = createServer((socket) => socket.destroy());
  await eventually(
    async () => {
      inItsPlace.listen(read("nats.port"), LOOPBACK);
      await once(inItsPlace, "listening");
      return true;
    },
    { what: "the port of NATS" },
  );
  const back = async () => {
    if (!inItsPlace.listening) return;
    inItsPlace.close();
    await once(inItsPlace, "close");
  };
  onTestFinished(back);
  return back;
}

/** Seconds, of a card that is looked at. Hosts tell each ten seconds what their cards do. */
const OLDER_THAN_THE_STREAM = 3;
const OLDER_THAN_BEATS = 13;
async function sampleAge(page: Page): Promise<number> {
  const [, count = "0", unit] = /Sample\s+(\d+) (sec|min)/.exec(await textOf(page, DIALOG)) ?? [];
  return Number(count) * (unit === "min" ? 60 : 1);
}

/** What is known of each card, however old. */
const labels = async (page: Page) =>
  await page.$$eval("[data-card]", (cells) =>
    cells.map((one) => (one.getAttribute("aria-label") ?? "").replace(/, old sample$/, "")),
  );

describe.skipIf(!hasBrowser)("while NATS is away (left out where Chromium is not installed)", () => {
  test("pages report it and show what was known, older and older, and none of it as 0; once it is back all goes on", async () => {
    const { page, complaints } = await entered(house.adminKey);
    await (await page.waitForSelector(cell(0)))?.click();
    const { page: own } = await entered(house.customerKey);
    await own.goto(`${url}/environments/${environmentId}`);
    const cost = await costsMoreThan(own, 0);

    const back = await natsKilled();
    await page.waitForSelector("[data-banner]");
    await expectText(page, "NATS does not answer", "[data-banner]");
    // The stream tells once a second what came before.
    await eventually(async () => (await sampleAge(page)) > OLDER_THAN_THE_STREAM, { what: "an age" });
    const known = await labels(page);
    await eventually(async () => (await sampleAge(page)) > OLDER_THAN_BEATS, { what: "an older sample" });

    expect(known).toHaveLength(CARDS);
    expect(await labels(page)).toEqual(known);
    await own.waitForSelector("[data-banner]");
    await statusIs(own, "running");
    expect(await costsMoreThan(own, 0)).toBeGreaterThanOrEqual(cost);

    await back();
    await page.waitForSelector("[data-banner]", { hidden: true });
    await eventually(async () => (await sampleAge(page)) < OLDER_THAN_BEATS, { what: "a fresh sample" });
    await own.waitForSelector("[data-banner]", { hidden: true });
    expect(complaints).toEqual([]);
  });
});

/** A program in the container that shows what it is sent. */
const REPORTS = `mkdir -p /www/cgi-bin && cd /www/cgi-bin && printf '%s\\n' '#!/bin/sh' 'printf "Content-Type: text/plain\\r\\n\\r\\n"' 'env | grep ^HTTP_' > told && chmod +x told && httpd -p 8000 -h /www`;

async function sessionOf(page: Page): Promise<string> {
  const cookies = await page.browserContext().cookies();
  return cookies.find(({ name }) => name === SESSION)?.value ?? "none";
}

describe.skipIf(!hasBrowser)("a session (left out where Chromium is not installed)", () => {
  test("that is forged shows the login page, which is no error, and leads on", async () => {
    const { page, complaints } = await browser();
    const { hostname } = new URL(url);
    await page.browserContext().setCookie({ name: SESSION, value: FORGED, domain: hostname, path: "/" });
    await page.goto(`${url}/environments`);

    await page.waitForSelector('input[name="key"]');
    expect(await page.$('[role="alert"]')).toBeNull();
    await page.type('input[name="key"]', house.customerKey);
    await page.keyboard.press("Enter");
    await expectText(page, "by mouse", "main");

    expect(await sessionOf(page)).not.toBe(FORGED);
    expect(complaints).toEqual([]);
  });

  test("that is over shows it, too", async () => {
    const { page } = await entered(house.customerKey);
    await database.database.query(
      "UPDATE browser_sessions SET created_at = created_at - interval '13 h', expires_at = now() - interval '1 s'",
    );

    await page.reload();

    await page.waitForSelector('input[name="key"]');
    expect(await page.$('[role="alert"]')).toBeNull();
  });

  test("is seen by no program behind the gateway, and nothing is done by it from there", async () => {
    const { page } = await entered(house.customerKey);
    const value = await sessionOf(page);
    await house.customer.post(`/environments/${environmentId}/exec`, { argv: ["sh", "-c", REPORTS] });
    const link = await house.customer.post(`/environments/${environmentId}/links`, { port: 8000 });
    await page.goto(String(link.url));
    const { origin, hostname } = new URL(page.url());
    const planted = { domain: hostname, path: "/" };
    await page
      .browserContext()
      .setCookie({ name: SESSION, value, ...planted }, { name: "mine", value: "1", ...planted });

    await page.goto(`${origin}/cgi-bin/told`);
    await expectText(page, /^HTTP_HOST=/m);
    const reported = await textOf(page);
    const stop = `${url}/api/v1/environments/${environmentId}/stop`;
    const submit = `document.body.innerHTML = '<form method="post" action="${stop}"></form>'; document.forms[0].submit()`;
    const [answer] = await Promise.all([page.waitForNavigation(), page.evaluate(submit)]);

    expect(/^HTTP_COOKIE=(.*)$/m.exec(reported)?.[1]).toBe("mine=1");
    expect(value).toMatch(/^rgb_/);
    expect(reported).not.toContain(value);
    expect(answer?.status()).toBe(401);
    expect(await house.customer.get(`/environments/${environmentId}`)).toMatchObject({ status: "running" });
  });
});

/** A row of another run, which may lie between those of this one, has no hash. */
const ProofRow = z.discriminatedUnion("kind", [
  z.looseObject({ kind: z.literal("own"), seq: z.int(), hash: z.string() }),
  z.looseObject({ kind: z.literal("other") }),
]);
const Proof = z.looseObject({ segments: z.array(z.looseObject({ rows: z.array(ProofRow) })) });

describe.skipIf(!hasBrowser)("its charge (left out where Chromium is not installed)", () => {
  test("has grown, is made at its stop, and is judged in the browser with the network cut", async () => {
    const { page, complaints } = await entered(house.customerKey);
    await follow(page, "by mouse");
    await costsMoreThan(page, firstCost);
    await press(page, "Stop");
    await press(page, "Stop", DIALOG);
    await statusIs(page, "stopped");
    await follow(page, "Billing");
    const record = await chargeOf(environmentId);
    await follow(page, `Proof of ${record}`);
    await page.waitForSelector('[data-proof="holds"]');
    const proof = Proof.parse(await house.customer.get(`/billing/records/${record}/proof`));
    const files = { whole: JSON.stringify(proof), changed: "" };
    const row = proof.segments[0]?.rows.find(({ kind }) => kind === "own");
    if (row?.kind !== "own") throw new Error("the proof has no row of its run");
    row.hash = row.hash.replace(/^./, (first) => (first === "0" ? "1" : "0"));
    files.changed = JSON.stringify(proof);

    await page.setOfflineMode(true);
    const judged = async (name: keyof typeof files) => {
      const file = join(house.folder, `${name}.json`);
      writeFileSync(file, files[name]);
      await (await page.waitForSelector("input[type=file]"))?.uploadFile(file);
      await expectText(page, `${name}.json`);
    };

    await judged("changed");
    await page.waitForSelector('[data-proof="fails"]');
    await expectText(page, `row ${row.seq} of journal`, '[data-proof="fails"]');
    await judged("whole");
    await page.waitForSelector('[data-proof="holds"]');
    await expectText(page, /\d+ min × \d+ × [\d.]+ per hour = [\d.]+/);
    expect(await page.evaluate('fetch("/readyz").then(() => "answered", () => "cut")')).toBe("cut");
    expect(complaints).toEqual([]);
  });
});
