/** The page of the terminal in a browser without a window: what it shows, and that it comes back by itself. */
import type { Page } from "puppeteer-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { hasBrowser, openPage } from "../../support/engines/chromium/browser.ts";
import { eventually } from "../../support/eventually.ts";
import { TerminalScene } from "../../support/worlds/terminal-scene.ts";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";

const SLOW_MS = 240_000;
let scene: TerminalScene;

beforeAll(async () => {
  scene = await TerminalScene.open();
});
beforeEach(() => {
  scene.right = new AbortController();
});
afterAll(() => scene.close());

const textOf = async (page: Page, what: string): Promise<string> =>
  String(await page.evaluate(`document.querySelector(${JSON.stringify(what)})?.innerText ?? ""`));
const shows = (page: Page, text: RegExp) =>
  eventually(async () => text.test(await textOf(page, ".xterm-rows")), { what: `${text} in the terminal` });
const stands = (page: Page, state: string) => page.waitForSelector(`body[data-standing="${state}"]`);

/** By the wheel, a few rows at a time, until there is one that says this. */
async function scrolledUpTo(page: Page, row: string): Promise<{ seen: Set<string>; top: string[] }> {
  const seen = new Set<string>();
  let top: string[] = [];
  await page.mouse.move(100, 100);
  await eventually(
    async () => {
      top = (await textOf(page, ".xterm-rows")).split("\n").map((one) => one.trim());
      for (const one of top) seen.add(one);
      if (seen.has(row)) return true;
      await page.mouse.wheel({ deltaY: -100 });
      return false;
    },
    { what: `${row} further up`, withinMs: SLOW_MS / 2 },
  );
  return { seen, top };
}

/** With what the browser says against it. */
async function open(change: (page: Page) => Promise<void> = () => Promise.resolve()) {
  const page = await openPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.text().includes("Content Security Policy")) complaints.push(message.text());
  });
  await change(page);
  await page.goto(scene.url);
  await stands(page, "open");
  return { page, complaints };
}

describe.skipIf(!hasBrowser)("in a browser (left out where Chromium is not installed)", () => {
  test(
    "takes what is typed, follows its window, and comes back after its gateway was killed",
    async () => {
      const { page, complaints } = await open();
      expect(await page.title()).not.toBe("");
      const icon = `document.querySelector("link[rel=icon]")?.href ?? ""`;
      expect(await page.evaluate(icon)).toMatch(/^data:image\/svg\+xml,/);
      await page.keyboard.type("kept=yes; echo it is $((40 + 2))\n");
      await shows(page, /it is 42/);

      await page.setViewport({ width: 500, height: 400 });
      await page.keyboard.type(
        "while [ $(stty size | cut -d' ' -f2) -gt 60 ]; do sleep 0.05; done; echo narrow\n",
      );
      await shows(page, /^narrow/m);

      scene.kill();
      await stands(page, "connecting");
      expect(await textOf(page, "#told")).toMatch(/^Reconnecting…/);
      await scene.restart();
      await stands(page, "open");
      expect(await textOf(page, "#told")).toBe("");
      await shows(page, /^narrow/m);
      await page.keyboard.type("echo after-$kept\n");
      await shows(page, /after-yes/);
      expect(complaints).toEqual([]);
    },
    SLOW_MS,
  );

  test(
    "is dark or light as the browser prefers, and fits a phone with the keys that one lacks",
    async () => {
      const colours = [];
      for (const value of ["dark", "light"]) {
        const { page } = await open(async (one) => {
          await one.emulateMediaFeatures([{ name: "prefers-color-scheme", value }]);
          await one.setViewport({ width: 360, height: 640, isMobile: true, hasTouch: true });
        });
        const wide = `document.documentElement.scrollWidth + " " + document.querySelector(".xterm-screen").getBoundingClientRect().right`;
        const [scrollWidth = 0, right = 0] = String(await page.evaluate(wide))
          .split(" ")
          .map(Number);
        expect(scrollWidth).toBe(360);
        expect(right).toBeLessThanOrEqual(360);
        await page.tap("[data-key=Control]");
        await page.keyboard.type("l");
        await page.tap("[data-key=Tab]");
        colours.push(
          await page.evaluate(
            "getComputedStyle(document.querySelector('.xterm-scrollable-element') ?? document.querySelector('.xterm-viewport')).backgroundColor",
          ),
        );
        await page.close();
      }

      expect(colours).toEqual(["rgb(22, 24, 29)", "rgb(255, 255, 255)"]);
    },
    SLOW_MS,
  );

  test(
    "states why it is over once the right to it has gone, and once its shell has ended what brings a new one",
    async () => {
      const { page } = await open();

      await page.keyboard.type("exit\n");
      await stands(page, "ended");
      expect(await textOf(page, "#told")).toBe("The shell has ended. Press Enter for a new one.");
      await page.keyboard.press("Enter");
      await stands(page, "open");
      scene.right.abort(asReported("The environment was stopped."));

      await stands(page, "connecting");
      expect(await textOf(page, "#told")).toBe("The environment was stopped.");
    },
    SLOW_MS,
  );

  test(
    "comes back with what had scrolled out of it, as it was written",
    async () => {
      const { page, complaints } = await open();
      await page.keyboard.type("for n in $(seq 1 300); do echo line $n.; done\n");
      await shows(page, /^line 300\.$/m);

      await page.reload();
      await stands(page, "open");
      await shows(page, /^line 300\.$/m);

      const { seen, top } = await scrolledUpTo(page, "line 1.");
      const lines = Array.from({ length: 300 }, (_, at) => `line ${at + 1}.`);
      expect(lines.filter((line) => !seen.has(line))).toEqual([]);
      expect(top.slice(top.indexOf("line 1."))).toEqual(lines.slice(0, top.length - top.indexOf("line 1.")));
      expect(complaints).toEqual([]);
    },
    SLOW_MS,
  );
});
