/** What every page of the dashboard keeps to, whatever it shows: to be asked of a page that stands. */
import { readFileSync } from "node:fs";
import type { Page } from "puppeteer-core";
import { expect } from "vitest";
import { eventually } from "../eventually.ts";

const AXE = readFileSync(new URL(import.meta.resolve("axe-core/axe.min.js")), "utf8");
/** What axe calls moderate or minor whatever it finds: only what is grave is judged. */
const NEVER_GRAVE = [
  "aria-allowed-role",
  "aria-deprecated-role",
  "empty-heading",
  "empty-table-header",
  "focus-order-semantics",
  "form-field-multiple-labels",
  "heading-order",
  "hidden-content",
  "html-xml-lang-mismatch",
  "image-redundant-alt",
  "landmark-banner-is-top-level",
  "landmark-contentinfo-is-top-level",
  "landmark-main-is-top-level",
  "landmark-no-duplicate-banner",
  "landmark-no-duplicate-contentinfo",
  "landmark-no-duplicate-main",
  "landmark-one-main",
  "landmark-unique",
  "page-has-heading-one",
  "presentation-role-conflict",
  "region",
  "scope-attr-valid",
  "skip-link",
  "table-duplicate-name",
];
const ALL_RULES = { rules: Object.fromEntries(NEVER_GRAVE.map((id) => [id, { enabled: false }])) };
/** Themes differ in colours alone. */
const RULES_OF_COLOURS = { runOnly: ["color-contrast", "link-in-text-block"] };

/** Of a page, in an error. */
const MAX_MESSAGE_LENGTH = 1_500;

interface Violation {
  id: string;
  impact: string;
  nodes: { html: string; failureSummary: string }[];
}

/** Nothing that axe calls serious or critical. */
export async function expectAccessible(page: Page, rules: object = ALL_RULES): Promise<void> {
  // A page keeps it until it is loaded again: reading it takes as long as asking it.
  if ((await page.evaluate("'axe' in globalThis")) !== true) await page.evaluate(AXE);
  // What appears fades in, and is measured while it does.
  await page.evaluate(
    "Promise.all(document.getAnimations().map((one) => one.finished.catch(() => undefined)))",
  );
  const options = JSON.stringify({ resultTypes: ["violations"], ...rules });
  const { violations } = (await page.evaluate(`axe.run(document, ${options})`)) as {
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

/** English comes last, so that whoever goes on from there reads it. */
const LANGUAGES = ["zh", "en"] as const;
type Theme = "light" | "dark";
export type Language = (typeof LANGUAGES)[number];

const THEME_KEY = "mantine-color-scheme-value";
const LANGUAGE_KEY = "remotegpu-language";

/** The page once more, as somebody sees it who has chosen the language, and the light theme. */
export async function reloadIn(page: Page, language: Language): Promise<void> {
  await page.evaluate(
    `localStorage.setItem("${THEME_KEY}", "light"); localStorage.setItem("${LANGUAGE_KEY}", "${language}")`,
  );
  await page.reload();
  await page.waitForSelector(`html[data-mantine-color-scheme="light"][lang^="${language}"] h1`);
}

/** The language of all that the page loads, as of somebody who has chosen it before. */
export async function speaks(page: Page, language: Language): Promise<void> {
  await page.evaluateOnNewDocument(
    `localStorage.getItem("${LANGUAGE_KEY}") ?? localStorage.setItem("${LANGUAGE_KEY}", "${language}")`,
  );
}

/** As it comes to the page from another tab, where somebody has chosen it. */
async function changeTheme(page: Page, theme: Theme): Promise<void> {
  await page.evaluate(
    `localStorage.setItem("${THEME_KEY}", "${theme}");
     dispatchEvent(new StorageEvent("storage", { key: "${THEME_KEY}", newValue: "${theme}", storageArea: localStorage }))`,
  );
  await page.waitForSelector(`html[data-mantine-color-scheme="${theme}"]`);
}

/**
 * In both themes and both languages: nothing grave for axe, and narrow enough. The page is loaded anew for each language,
 * so its address leads to what it shows; at the end it is light and English. @param stands a selector of the content
 */
export async function expectSoundPage(page: Page, stands: string): Promise<void> {
  for (const language of LANGUAGES) {
    await reloadIn(page, language);
    await page.waitForSelector(stands);
    await expectAccessible(page);
    await expectNarrow(page);
    await changeTheme(page, "dark");
    await expectAccessible(page, RULES_OF_COLOURS);
    await changeTheme(page, "light");
  }
}

/** All text of the page, as a reader sees it. */
export async function textOf(page: Page, selector = "body"): Promise<string> {
  return String(await page.evaluate(`document.querySelector(${JSON.stringify(selector)})?.innerText ?? ""`));
}

/** Waits until the page says this. @throws with what it says in its place */
export async function expectText(page: Page, wanted: string | RegExp, selector = "body"): Promise<void> {
  let text = "";
  const report = async () => {
    text = await textOf(page, selector);
    return typeof wanted === "string" ? text.includes(wanted) : wanted.test(text);
  };
  await eventually(report, { what: `${String(wanted)} on the page` }).catch((error: unknown) => {
    throw new Error(`${page.url()} says ${JSON.stringify(text.slice(0, MAX_MESSAGE_LENGTH))}`, {
      cause: error,
    });
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
