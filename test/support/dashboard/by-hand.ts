/** What a person does to a page: finds things by what they are called, and presses, types and goes on by Tab. */
import type { Page } from "puppeteer-core";
import { eventually } from "../eventually.ts";

/** More than any page of ours has to go through. */
const MAX_TABS = 150;

const NAME_OF_FOCUSED = `(() => {
  const it = document.activeElement;
  const label = it?.labels?.[0]?.innerText ?? it?.getAttribute("aria-label") ?? it?.innerText ?? "";
  return label.replace(/\\s*\\*$/, "").trim();
})()`;

/** By its role and whole name, as who reads by ear knows it. @param within a selector of what it lies in */
export async function press(page: Page, name: string, within = ""): Promise<void> {
  const found = await page.waitForSelector(`${within} ::-p-aria([name="${name}"][role="button"])`);
  await found?.evaluate((element) => element.scrollIntoView({ block: "center" }));
  await found?.click();
}

/** In place of what stands there. */
export async function fill(page: Page, label: string, text: string): Promise<void> {
  // A field with suggestions is another role to who reads by ear.
  const roles = ["textbox", "combobox"].map((role) => `::-p-aria([name="${label}"][role="${role}"])`);
  const found = await page.waitForSelector(roles.join(", "));
  await found?.click({ count: 3 });
  await page.keyboard.type(text);
}

/** By Tab to the field, in place of what stands there. */
export async function typeAt(page: Page, label: string, text: string): Promise<void> {
  await tabTo(page, label);
  await page.keyboard.down("Control");
  await page.keyboard.press("a");
  await page.keyboard.up("Control");
  await page.keyboard.type(text);
}

/** Goes on by Tab to what is called so. */
export async function tabTo(page: Page, name: string): Promise<void> {
  for (let tabs = 0; tabs < MAX_TABS; tabs += 1) {
    if ((await page.evaluate(NAME_OF_FOCUSED)) === name) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`${MAX_TABS} tabs lead to nothing that is called ${name}`);
}

export async function pathIs(page: Page, path: RegExp): Promise<string> {
  return await eventually(() => path.exec(new URL(page.url()).pathname)?.[1], {
    what: `an address like ${path}`,
  });
}
