/**
 * JupyterLab in a browser, through gateway and tunnel: nobody is asked for a token, and it computes over a WebSocket.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Page } from "puppeteer-core";
import { hasBrowser, openPage } from "../../support/engines/chromium/browser.ts";
import { eventually } from "../../support/eventually.ts";
import { openNotebookScene } from "../../support/worlds/notebook-scene.ts";
import type { WebScene } from "../../support/worlds/web-scene.ts";

const IMAGE_MS = 400_000;
const SLOW_MS = 300_000;

const ending = new AsyncDisposableStack();
let scene: WebScene;

beforeAll(async () => {
  ({ scene } = await openNotebookScene(ending));
}, IMAGE_MS);
afterAll(() => ending.disposeAsync());

const requested = (path: string, key?: string) =>
  scene.request(scene.hostOf("jupyter"), path, key === undefined ? {} : { key });

const CELL = ".jp-Notebook .jp-CodeCell:first-of-type .cm-content";
const OUTPUT = ".jp-OutputArea-executeResult .jp-OutputArea-output";
const COMPUTES_MS = 20_000;
/** Empty where there is none. */
const textOf = async (page: Page, selector: string) =>
  (await page.$$eval(selector, ([first]) => first?.textContent ?? "")).trim();

/** As people are given one to come in by. */
async function link(): Promise<string> {
  const { body } = await scene.control.api.request(
    "POST",
    `/api/v1/environments/${scene.environment.id}/links`,
    {
      as: scene.owner,
      body: { service: "jupyter" },
    },
  );
  return body.url;
}

test(
  "a program with a key is logged in by the gateway, whatever it shows itself",
  async () => {
    const { status, text } = await requested("/lab", scene.owner.key);
    const other = await scene.request(scene.hostOf("jupyter"), "/api/status", {
      headers: { "X-Api-Key": scene.owner.key, Authorization: "token of-somebody-else" },
    });

    expect([status, other.status]).toEqual([200, 200]);
    expect(text).toContain("JupyterLab");
    expect((await requested("/api/status")).status).toBe(401);
  },
  SLOW_MS,
);

test.skipIf(!hasBrowser)(
  "in a browser a notebook computes 6*7 (left out where Chromium is not installed)",
  async () => {
    const page = await openPage();
    page.setDefaultTimeout(SLOW_MS);
    await page.goto(await link());
    await page.waitForSelector('.jp-LauncherCard[data-category="Notebook"]');

    await page.click('.jp-LauncherCard[data-category="Notebook"]');
    await page.waitForSelector(".jp-Notebook .jp-CodeCell .cm-content");
    // What is run before its kernel is there is lost where the machine is busy.
    await page.waitForSelector('.jp-Notebook-ExecutionIndicator[data-status="idle"]');
    // A notebook may still be laid out, or without its kernel, while one types; what is lost then people do again.
    const output = await eventually(
      async () => {
        // Running it goes on to the next one.
        await page.click(CELL);
        if ((await textOf(page, CELL)) !== "6*7") await page.keyboard.type("6*7");
        await page.keyboard.down("Shift");
        await page.keyboard.press("Enter");
        await page.keyboard.up("Shift");
        await page.waitForSelector(OUTPUT, { timeout: COMPUTES_MS }).catch(() => null);
        return (await textOf(page, OUTPUT)) || false;
      },
      { withinMs: SLOW_MS, what: "an output" },
    );

    expect(output).toBe("42");
  },
  SLOW_MS,
);

test("its host sees that it answers, and the control plane knows it", async () => {
  const seen = await eventually(
    () => {
      const { services = [] } = scene.access.messages ?? {};
      const answers = Object.fromEntries(
        services.map(({ name, isSeen, detail }) => [name, { isSeen, detail }]),
      );
      return answers["jupyter"]?.isSeen === true && answers["tensorboard"]?.isSeen === true && answers;
    },
    { withinMs: 90_000, what: "that both answer" },
  );
  // Of the container that is looked into sshd is not begun.
  expect(seen["terminal"]?.isSeen).toBe(false);
  await scene.host.heartbeat();
  await scene.host.round({ phase: "ready", services: seen });

  const { rows } = await scene.control.api.db.query(
    "SELECT services FROM placements WHERE instance_id = $1",
    [scene.environment.instanceId],
  );
  expect(rows).toEqual([{ services: seen }]);
});

test("TensorBoard answers beside it, once its switch is on", async () => {
  const tensorboard = scene.hostOf("tensorboard");
  const { key } = scene.owner;
  expect((await scene.request(tensorboard, "/", { key })).status).toBe(404);

  await scene.control.api.db.query("UPDATE environments SET tensorboard_enabled = true WHERE id = $1", [
    scene.environment.id,
  ]);

  const answer = await eventually(
    async () => {
      const found = await scene.request(tensorboard, "/", { key });
      return found.status === 200 && found;
    },
    { withinMs: 60_000, what: "TensorBoard" },
  );
  expect(answer.text).toBe("stands for TensorBoard of /gemini/output");
});
