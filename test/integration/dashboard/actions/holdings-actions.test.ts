/** What the pages of members, webhooks, images and data change by mouse, and what the API says of it afterwards. */
import type { Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser } from "../../../support/engines/chromium/browser.ts";
import { fill, press } from "../../../support/dashboard/by-hand.ts";
import { type DashboardScene, openDashboardScene } from "../../../support/dashboard/dashboard-scene.ts";
import { dialogGone } from "../../../support/dashboard/keyboard.ts";
import { expectText, textOf } from "../../../support/dashboard/page-checks.ts";
import { eventually } from "../../../support/eventually.ts";
import type { Answer, Caller } from "../../../support/http/api.ts";

const DIALOG = '[role="dialog"]';
const MEMBERS = 'section[aria-label="Members"]';
const INVITATIONS = 'section[aria-label="Open invitations"]';

let scene: DashboardScene;
let alice: Caller & { workspaceId: number };
let bob: Caller;

beforeAll(async () => {
  scene = await openDashboardScene();
  alice = await scene.control.customer("alice");
  bob = await scene.control.customer("bob");
});
afterAll(() => scene.close());

async function request(method: string, path: string, body?: object, as: Caller = alice): Promise<Answer> {
  return await scene.control.api.request(method, `/api/v1${path}`, {
    as,
    ...(body !== undefined && { body }),
  });
}

async function open(path: string, as: Caller = alice): Promise<Page> {
  const { page } = await scene.open(path, as);
  await page.setViewport({ width: 1200, height: 900 });
  return page;
}

const PARTS = ["What stops", "What stays", "What is still charged"];

/** Opens the dialog, which says all that comes of it, and agrees there, by buttons of this name. */
async function agree(page: Page, name: string, within = "main"): Promise<void> {
  await press(page, name, within);
  await page.waitForSelector(DIALOG);
  for (const part of PARTS) await expectText(page, part, DIALOG);
  await press(page, name, DIALOG);
  await dialogGone(page);
}

const items = async (path: string, as?: Caller) => (await request("GET", path, undefined, as)).body.items;

async function workspace(name: string): Promise<number> {
  return (await request("POST", "/workspaces", { name })).body.id;
}

describe.skipIf(!hasBrowser)("the page of members (left out where Chromium is not installed)", () => {
  test("makes a workspace and deletes it", async () => {
    const page = await open("/members");

    await press(page, "Make a workspace");
    await fill(page, "Name", "lab");
    await press(page, "Make", DIALOG);
    await dialogGone(page);
    await expectText(page, "lab", "main select");
    const made = (await items("/workspaces")).find(({ name }: { name: string }) => name === "lab");
    await page.select("main select", String(made.id));
    await press(page, "Delete the workspace");
    await expectText(page, "Its bills and records", DIALOG);
    await press(page, "Delete the workspace", DIALOG);

    await dialogGone(page);
    await eventually(async () => !(await textOf(page, "main select")).includes("lab"), {
      what: "a choice without it",
    });
    expect((await request("GET", `/workspaces/${made.id}`)).status).toBe(404);
  });

  test("deletes none in which there is work, and states why in the dialog", async () => {
    const id = await workspace("with work");
    await scene.control.order(alice, { name: "works", workspace_id: id });
    const page = await open(`/members?workspace=${id}`);

    await press(page, "Delete the workspace");
    await press(page, "Delete the workspace", DIALOG);

    await page.waitForSelector(`${DIALOG} [role="alert"]`);
    expect((await request("GET", `/workspaces/${id}`)).status).toBe(200);
  });

  test("withdraws an invitation, which then leads nowhere", async () => {
    const id = await workspace("withdrawn");
    const { body: invitation } = await request("POST", `/workspaces/${id}/members`, { username: "bob" });
    const page = await open(`/members?workspace=${id}`);
    await expectText(page, "bob", INVITATIONS);

    await agree(page, "Withdraw", INVITATIONS);

    await expectText(page, "There is none.", INVITATIONS);
    expect((await request("POST", `/invitations/${invitation.id}/accept`, undefined, bob)).status).toBe(404);
  });

  test("has who is invited decline, which cannot be taken back", async () => {
    const id = await workspace("declined");
    const { body: invitation } = await request("POST", `/workspaces/${id}/members`, { username: "bob" });
    const page = await open("/members", bob);
    await expectText(page, "declined", 'section[aria-label="You are invited"]');

    await agree(page, "Decline");

    await page.waitForSelector('section[aria-label="You are invited"]', { hidden: true });
    expect(await items("/invitations", bob)).toEqual([]);
    expect((await request("POST", `/invitations/${invitation.id}/accept`, undefined, bob)).status).toBe(404);
  });

  test("gives a member another role, and suspends one", async () => {
    const id = await workspace("changed");
    await scene.control.api.join(id, alice, bob, "admin");
    const page = await open(`/members?workspace=${id}`);

    await press(page, "Change", MEMBERS);
    await page.waitForSelector(`${DIALOG} select[name="role"]`);
    await page.select(`${DIALOG} select[name="role"]`, "viewer");
    await press(page, "Change", DIALOG);
    await dialogGone(page);
    await expectText(page, "viewer", MEMBERS);
    await press(page, "Change", MEMBERS);
    await page.waitForSelector(`${DIALOG} select[name="status"]`);
    await page.select(`${DIALOG} select[name="status"]`, "suspended");
    await press(page, "Change", DIALOG);
    await dialogGone(page);

    await expectText(page, "suspended", MEMBERS);
    const members = await items(`/workspaces/${id}/members`);
    expect(members).toContainEqual(
      expect.objectContaining({ username: "bob", role: "viewer", status: "suspended" }),
    );
    expect((await request("GET", `/workspaces/${id}`, undefined, bob)).status).toBe(404);
  });
});

describe.skipIf(!hasBrowser)("the page of webhooks (left out where Chromium is not installed)", () => {
  test("switches one off and on, gives it another secret and removes it", async () => {
    const { body: made } = await request("POST", "/webhooks", { url: "https://hooks.example.com/acts" });
    const visible = async () => (await request("GET", `/webhooks/${made.id}`)).body;
    const page = await open("/webhooks");

    await agree(page, "Switch off");
    await expectText(page, "switched off", "tbody");
    expect(await visible()).toMatchObject({ active: false });
    await press(page, "Switch on");
    await page.waitForSelector('::-p-aria([name="Send a test"])');
    expect(await visible()).toMatchObject({ active: true });
    await press(page, "New secret");
    await expectText(page, "The old secret signs nothing more", DIALOG);
    await press(page, "New secret", DIALOG);
    await page.waitForSelector("[data-secret]");
    const secret = await textOf(page, "[data-secret]");
    expect(secret).toMatch(/^whsec_/);
    expect(secret).not.toBe(made.secret);
    await press(page, "Close", DIALOG);
    await dialogGone(page);
    await agree(page, "Remove");

    await expectText(page, "There is none.");
    expect(await items("/webhooks")).toEqual([]);
  });
});

describe.skipIf(!hasBrowser)(
  "the pages of images and data (left out where Chromium is not installed)",
  () => {
    test("have an administrator offer an image no longer", async () => {
      const { admin } = scene.control.api;
      await request("POST", "/images", { name: "old/trainer:1" }, admin);
      const page = await open("/images", admin);
      await expectText(page, "old/trainer:1", "tbody");

      await agree(page, "Remove");

      await expectText(page, "No image is offered.");
      expect(await items("/images")).toEqual([]);
    });

    test("add a dataset, and delete a model", async () => {
      const { body: model } = await request("POST", "/models", { name: "weights" });
      const page = await open("/data");

      await press(page, "Add a dataset");
      await fill(page, "Name", "pictures");
      await press(page, "Add", DIALOG);
      await dialogGone(page);
      await expectText(page, "pictures", 'section[aria-label="Datasets"]');
      expect(await items("/datasets")).toEqual([expect.objectContaining({ name: "pictures" })]);
      await page.goto(`${scene.url}/data?model=${model.id}`);
      await agree(page, "Delete");

      await page.waitForFunction("location.search === ''");
      await expectText(page, "No model is like this.");
      expect(await items("/models")).toEqual([]);
    });
  },
);
