/** What every page of the dashboard keeps to, whatever it shows: to be asked of a page that stands. */
import axe from "axe-core";
import type { Page } from "puppeteer-core";
import { expect } from "vitest";
import { eventually } from "../eventually.ts";

/** Of a page, in an error. */
const MOST_SAID = 1_500;

interface Violation {
  id: string;
  impact: string;
  nodes: { html: string; failureSummary: string }[];
}

/** Nothing that axe calls serious or critical. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  // What appears fades in, and is measured while it does.
  await page.evaluate(
    "Promise.all(document.getAnimations().map((one) => one.finished.catch(() => undefined)))",
  );
  const { violations } = (await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")) as {
    violations: Violation[];
  };
  const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  expect(
    grave.map(({ id, nodes }) => ({
      id,
      at: nodes.slice(0, 3).map(({ html, failureSummary }) => `${html} ${failureSummary}`),
    })),
  ).toEqual([]);
}

/** A phone's width, at which only tables scroll sideways, within themselves. */
export async function expectNarrow(page: Page): Promise<void> {
  const before = page.viewport();
  await page.setViewport({ width: 360, height: 780 });
  await eventually(async () => (await page.evaluate("innerWidth")) === 360, { what: "a narrow window" });
  // What moves aside for it takes a moment.
  await eventually(async () => Number(await page.evaluate("document.documentElement.scrollWidth")) <= 360, {
    what: "a page that is no wider than a phone",
    withinMs: 5_000,
  });
  await page.setViewport(before);
}

export const LOOKS = [
  { theme: "light", language: "en" },
  { theme: "dark", language: "en" },
  { theme: "light", language: "zh" },
  { theme: "dark", language: "zh" },
] as const;

/** The page once more, as somebody sees it who has chosen these. */
export async function reloadAs(page: Page, { theme, language }: (typeof LOOKS)[number]): Promise<void> {
  await page.evaluate(
    `localStorage.setItem("mantine-color-scheme-value", "${theme}"); localStorage.setItem("remotegpu-language", "${language}")`,
  );
  await page.reload();
  await page.waitForSelector(`html[data-mantine-color-scheme="${theme}"][lang^="${language}"] h1`);
}

/** In both themes and both languages: nothing grave for axe, and narrow enough. @param stands a selector of the content */
export async function expectKept(page: Page, stands: string): Promise<void> {
  for (const look of LOOKS) {
    await reloadAs(page, look);
    await page.waitForSelector(stands);
    await expectAccessible(page);
    await expectNarrow(page);
  }
}

/** All text of the page, as a reader sees it. */
export async function textOf(page: Page, selector = "body"): Promise<string> {
  return String(await page.evaluate(`document.querySelector(${JSON.stringify(selector)})?.innerText ?? ""`));
}

/** Waits until the page says this. @throws with what it says in its place */
export async function expectText(page: Page, wanted: string | RegExp, selector = "body"): Promise<void> {
  let text = "";
  const says = async () => {
    text = await textOf(page, selector);
    return typeof wanted === "string" ? text.includes(wanted) : wanted.test(text);
  };
  await eventually(says, { what: `${String(wanted)} on the page` }).catch((error: unknown) => {
    throw new Error(`${page.url()} says ${JSON.stringify(text.slice(0, MOST_SAID))}`, { cause: error });
  });
}

/** Chooses the last button with these words: dialogs come last. */
export async function pressButton(page: Page, words: string): Promise<void> {
  await eventually(
    async () =>
      (await page.evaluate(
        `(() => { const found = [...document.querySelectorAll("button")].filter((one) => one.innerText.trim() === ${JSON.stringify(words)} && !one.disabled).at(-1); found?.click(); return found !== undefined; })()`,
      )) === true,
    { what: `a button ${words}` },
  );
}
