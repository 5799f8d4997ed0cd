/** A page that is used without a mouse: by Tab from one thing to the next, as whoever has none does. */
import type { Page } from "puppeteer-core";
import { eventually } from "../eventually.ts";

/** More than any page has. */
const MOST_TABS = 200;

/** What an element is called, as a reader sees it. */
const NAME = `(one) => {
  const labels = [...(one.labels ?? [])].map((label) => label.innerText).join(" ");
  return (one.getAttribute("aria-label") ?? (labels || one.innerText || "")).replace(/\\s*\\*$/, "").trim();
}`;

const FOCUSED = `(() => {
  const one = document.activeElement;
  return one === null || one === document.body ? null : (${NAME})(one);
})()`;

/** What Tab may come to. */
const TABBABLE = "a[href], button, input, select, textarea, summary, [tabindex]";

/** What has the focus is called so; null where nothing has it. */
async function focused(page: Page): Promise<string | null> {
  return (await page.evaluate(FOCUSED)) as string | null;
}

async function isThere(page: Page, name: string): Promise<boolean> {
  const names = `[...document.querySelectorAll(${JSON.stringify(TABBABLE)})].map(${NAME})`;
  return (await page.evaluate(`${names}.includes(${JSON.stringify(name)})`)) === true;
}

/** Goes on with Tab until what is called so has the focus, round and round while the page may still be loading. @throws where nothing is called so */
export async function tabTo(page: Page, name: string): Promise<void> {
  const passed = new Set<string>();
  const comesTo = async () => {
    // A round takes a page a while, so none is begun in vain.
    if (!(await isThere(page, name))) return false;
    for (let nth = 0; nth < MOST_TABS; nth += 1) {
      await page.keyboard.press("Tab");
      const one = await focused(page);
      if (one === name) return true;
      if (one === null) return false;
      passed.add(one);
    }
    return false;
  };
  await eventually(comesTo, { what: `focus on ${name}` }).catch((cause: unknown) => {
    throw new Error(`nothing that Tab comes to is called ${name}, but ${[...passed].join(" | ")}`, { cause });
  });
}

export async function pressOn(page: Page, name: string): Promise<void> {
  await tabTo(page, name);
  await page.keyboard.press("Enter");
}

/** Into what is called so, in place of what stands there. */
export async function typeInto(page: Page, name: string, text: string): Promise<void> {
  await tabTo(page, name);
  await page.keyboard.down("Control");
  await page.keyboard.press("a");
  await page.keyboard.up("Control");
  await page.keyboard.type(text);
}

/** Presses what opens a dialog, and waits until the focus is within: it is taken there a moment later. */
export async function openDialog(page: Page, name: string): Promise<void> {
  await pressOn(page, name);
  await page.waitForFunction(
    "document.querySelector('[role=dialog]')?.contains(document.activeElement) === true",
  );
}

/** A dialog that closes gives the focus back to what opened it, a moment later than it does its work. */
export async function dialogGone(page: Page): Promise<void> {
  await page.waitForFunction("document.querySelector('[role=dialog]') === null");
}
