/** A page that is used without a mouse: by Tab from one thing to the next, as whoever has none does. */
import type { Page } from "puppeteer-core";

/** More than any page has. */
const MOST_TABS = 200;

/** Goes on with Tab until what is called so has the focus. @throws where nothing is called so */
export async function tabTo(page: Page, name: string): Promise<void> {
  const passed: string[] = [];
  for (let nth = 0; nth < MOST_TABS; nth += 1) {
    await page.keyboard.press("Tab");
    const focused = String(
      await page.evaluate(`(() => {
        const one = document.activeElement;
        const labels = [...(one.labels ?? [])].map((label) => label.innerText).join(" ");
        return (one.getAttribute("aria-label") ?? (labels || one.innerText || "")).replace(/\\s*\\*$/, "").trim();
      })()`),
    );
    if (focused === name) return;
    passed.push(focused);
  }
  throw new Error(`nothing that Tab comes to is called ${name}, but ${[...new Set(passed)].join(" | ")}`);
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
