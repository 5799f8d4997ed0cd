/** What a customer has beside work, in the browser: data, images, keys, members and webhooks, added and removed by keyboard. */
import type { Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser } from "../../../support/engines/chromium/browser.ts";
import { type DashboardScene, openDashboardScene } from "../../../support/dashboard/dashboard-scene.ts";
import { dialogGone, openDialog, pressOn, tabTo, typeInto } from "../../../support/dashboard/keyboard.ts";
import { expectSoundPage, expectText, textOf } from "../../../support/dashboard/page-checks.ts";
import { eventually } from "../../../support/eventually.ts";
import type { Answer, Caller } from "../../../support/http/api.ts";

const HOSTILE = `<img src=x onerror="document.title='hit'"> \u202Eevil 😈`;
const PUBLIC_KEY =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBmVJ4vlGpLJXiCtDXFnHEbAhCUcvqsZPsGvQB7v5Uxq ada@laptop";

let scene: DashboardScene;
let alice: Caller & { workspaceId: number };
let bob: Caller;

beforeAll(async () => {
  scene = await openDashboardScene();
  alice = await scene.control.customer("alice");
  bob = await scene.control.customer("bob");
  await scene.control.host("gpu-1", { gpus: 1 });
});
afterAll(() => scene.close());

async function request(method: string, path: string, body?: object, as: Caller = alice): Promise<Answer> {
  return await scene.control.api.request(method, `/api/v1${path}`, {
    as,
    ...(body !== undefined && { body }),
  });
}

async function open(path: string, as: Caller = alice): Promise<{ page: Page; complaints: string[] }> {
  const opened = await scene.open(path, as);
  await opened.page.setViewport({ width: 1200, height: 900 });
  return opened;
}

const items = async (path: string, as?: Caller) => (await request("GET", path, undefined, as)).body.items;

describe.skipIf(!hasBrowser)("what a customer has (left out where Chromium is not installed)", () => {
  test("datasets and models stand with who mounts them and their pools, and go after a dialog", async () => {
    const { body: dataset } = await request("POST", "/datasets", { name: HOSTILE });
    await scene.control.api.db.query("UPDATE datasets SET status = 'ready', total_size = 5368709120");
    const { body: environment } = await scene.control.order(alice, {
      name: "mounts it",
      mounted_datasets: [{ id: dataset.id }],
    });
    const { page, complaints } = await open("/data");
    await expectText(page, HOSTILE);
    await expectText(page, "5.0 GiB");
    await expectText(page, "mounts it");
    await page.waitForSelector(`tbody a[href="/environments/${environment.id}"]`);
    await expectSoundPage(page, "tbody tr");

    await openDialog(page, "Add a model");
    await typeInto(page, "Name", "weights");
    await page.keyboard.press("Enter");
    await expectText(page, "weights", 'section[aria-label="Models"]');
    await dialogGone(page);
    await page.goto(`${scene.url}/data?dataset=${dataset.id}`);
    await page.waitForSelector(`main a[href="/environments/${environment.id}"]`);
    await request("DELETE", `/environments/${environment.id}`);
    await expectText(page, /Mounted by\s+nobody/);
    await expectText(page, `remotegpu dataset put ${dataset.id} ./folder`);
    await openDialog(page, "Delete");
    await expectText(page, "What is still charged", '[role="dialog"]');
    await tabTo(page, "Delete");
    await page.keyboard.press("Enter");

    await page.waitForFunction("location.search === ''");
    expect(await items("/datasets")).toEqual([]);
    expect(complaints).toEqual([]);
    expect(await page.title()).not.toBe("hit");
  });

  test("data of others is not there", async () => {
    const { body: dataset } = await request("POST", "/datasets", { name: "private one" });
    const { page } = await open(`/data?dataset=${dataset.id}`, bob);

    await page.waitForSelector("[data-not-found]");
    expect(await textOf(page)).not.toContain("private one");
  });

  test("images are viewed by everybody and offered by administrators", async () => {
    const { page } = await open("/images", scene.control.api.admin);
    await expectText(page, "No image is offered.");
    await openDialog(page, "Offer an image");
    await typeInto(page, "Name", "pytorch/pytorch:2.5.1");
    await page.keyboard.press("Enter");
    await expectText(page, "pytorch/pytorch:2.5.1", "tbody");

    const { page: seen } = await open("/images");
    await expectText(seen, "pytorch/pytorch:2.5.1", "tbody");
    expect(await textOf(seen)).not.toContain("Remove");
    await expectSoundPage(seen, "tbody tr");
  });

  test("SSH keys are added, and removed after a dialog", async () => {
    const { page, complaints } = await open("/keys");
    await openDialog(page, "Add an SSH key");
    await typeInto(page, "Name", HOSTILE);
    await typeInto(page, "Public key", PUBLIC_KEY);
    await pressOn(page, "Add an SSH key");
    await expectText(page, HOSTILE, 'section[aria-label="SSH keys"]');
    await expectSoundPage(page, "tbody tr");

    await openDialog(page, "Remove");
    await expectText(page, "What stops", '[role="dialog"]');
    await tabTo(page, "Remove");
    await page.keyboard.press("Enter");

    await eventually(async () => (await items("/ssh-keys")).length === 0, { what: "the key to be gone" });
    expect(complaints).toEqual([]);
  });

  test("an API key is displayed once, and opens nothing once it is revoked", async () => {
    const { page } = await open("/keys");
    await openDialog(page, "Make an API key");
    await typeInto(page, "Name", "for ci");
    await typeInto(page, "Scopes", "read");
    await page.keyboard.press("Enter");
    await page.waitForSelector("[data-secret]");
    const key = await textOf(page, "[data-secret]");
    const made = { key, customerId: alice.customerId };
    expect((await request("GET", "/me", undefined, made)).body.scopes).toEqual(["read"]);

    await page.reload();
    await expectText(page, "for ci");
    expect(await textOf(page)).not.toContain(key);
    await page.evaluate(
      "[...document.querySelectorAll('tbody tr')].find((row) => row.innerText.includes('for ci')).querySelector('button').focus()",
    );
    await page.keyboard.press("Enter");
    await expectText(page, "for ci", '[role="dialog"]');
    await tabTo(page, "Revoke");
    await page.keyboard.press("Enter");
    await eventually(async () => (await request("GET", "/me", undefined, made)).status === 401, {
      what: "the key to open nothing",
    });
  });

  test("browsers that are logged in are distinguished, and logged out: one of them, all others, this one", async () => {
    const carol = await scene.control.customer("carol");
    const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    const { headers } = await scene.control.api.request("POST", "/api/v1/sessions", {
      body: { key: carol.key },
      headers: { Origin: scene.url, "User-Agent": firefox },
    });
    const Cookie = headers.get("Set-Cookie")?.split(";")[0] ?? "";
    const { page: other } = await open("/keys", carol);
    await other.waitForSelector("[data-current]");
    const { page, complaints } = await open("/keys", carol);
    const section = 'section[aria-label="Browsers that are logged in"]';
    await expectText(page, "Firefox 140, Linux", section);
    await expectText(page, "127.0.0.1", section);
    expect(await page.$$eval("[data-current]", (marks) => marks.length)).toBe(1);
    expect(await textOf(page, `${section} tr:has([data-current])`)).toMatch(/Chrome \d+, Linux/);
    await expectSoundPage(page, "[data-current]");
    const logOut = async (row: string) => {
      await page.waitForFunction(
        `[...document.querySelectorAll('${section} tbody tr')].some((row) => ${row})`,
      );
      await page.evaluate(
        `[...document.querySelectorAll('${section} tbody tr')].find((row) => ${row}).querySelector('button').focus()`,
      );
      await page.keyboard.press("Enter");
      await expectText(page, "Revoke those that others may know", '[role="dialog"]');
      await tabTo(page, "Log out");
      await page.keyboard.press("Enter");
    };

    await logOut("row.innerText.includes('Firefox')");
    await dialogGone(page);
    await eventually(async () => (await items("/sessions", carol)).length === 2, {
      what: "one to be logged out",
    });
    expect((await scene.control.api.request("GET", "/api/v1/me", { headers: { Cookie } })).status).toBe(401);
    await openDialog(page, "Log out all others");
    await tabTo(page, "Log out all others");
    await page.keyboard.press("Enter");
    await dialogGone(page);
    await other.waitForSelector('input[name="key"]');
    await page.waitForFunction(`document.querySelectorAll('${section} tbody tr').length === 1`);
    await logOut("row.querySelector('[data-current]') !== null");

    await page.waitForSelector('input[name="key"]');
    expect(await items("/sessions", carol)).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test("members are invited, accept, are changed and removed", async () => {
    const { body: team } = await request("POST", "/workspaces", { name: HOSTILE });
    const { page, complaints } = await open(`/members?workspace=${team.id}`);
    await openDialog(page, "Invite");
    await typeInto(page, "Username", "bob");
    await pressOn(page, "Invite");
    await expectText(page, "bob", 'section[aria-label="Open invitations"]');

    const { page: invited } = await open("/members", bob);
    await expectText(invited, HOSTILE, 'section[aria-label="You are invited"]');
    await pressOn(invited, "Accept");
    await eventually(async () => (await items(`/workspaces/${team.id}/members`)).length === 2, {
      what: "the second member",
    });

    await expectSoundPage(page, "tbody tr");
    await expectText(page, "bob", 'section[aria-label="Members"]');
    await openDialog(page, "Remove");
    await expectText(page, "What is still charged", '[role="dialog"]');
    await tabTo(page, "Remove");
    await page.keyboard.press("Enter");
    await eventually(async () => (await items(`/workspaces/${team.id}/members`)).length === 1, {
      what: "the member to be gone",
    });
    expect(complaints).toEqual([]);
  });

  test("webhooks are added with a secret displayed once, tried, and their deliveries viewed", async () => {
    const { page } = await open("/webhooks");
    await openDialog(page, "Add a webhook");
    await typeInto(page, "Address", "https://hooks.example.com/in");
    await typeInto(page, "Messages", "job-ended, service-failed");
    await page.keyboard.press("Enter");
    await page.waitForSelector("[data-secret]");
    expect(await textOf(page, "[data-secret]")).toMatch(/^whsec_/);
    await pressOn(page, "Close");
    await dialogGone(page);
    await expectText(page, "job-ended, service-failed");

    await pressOn(page, "Send a test");
    const [webhook] = await items("/webhooks");
    await eventually(async () => (await items(`/webhooks/${webhook.id}/deliveries`)).length === 1, {
      what: "the message",
    });
    await page.goto(`${scene.url}/webhooks?webhook=${webhook.id}`);
    await expectText(page, "waits", 'section[aria-label="Deliveries"]');
    await expectSoundPage(page, "tbody summary");
  });
});
