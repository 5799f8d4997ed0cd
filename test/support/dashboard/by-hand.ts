/** What a person does to a page with a mouse: finds things by what they are called, and presses and types. */
import type { Page } from "puppeteer-core";
import { eventually } from "../eventually.ts";

/** By its role and whole name, as who reads by ear knows it. @param within a selector of what it lies in */
export async function press(page: Page, name: string, within = ""): Promise<void> {
  await click(page, `${within} ::-p-aria([name="${name}"][role="button"])`);
}

/** A link, likewise. */
export async function follow(page: Page, name: string): Promise<void> {
  await click(page, `::-p-aria([name="${name}"][role="link"])`);
}

/** Once it rests: while parts of a page still come, what it has is moved, and the click goes beside it. */
async function click(page: Page, selector: string): Promise<void> {
  const found = await page.waitForSelector(selector);
  await found?.evaluate((element) => element.scrollIntoView({ block: "center" }));
  await page.locator(selector).click();
}

/** In place of what stands there. */
export async function fill(page: Page, label: string, text: string): Promise<void> {
  // A field with suggestions, and one for a number, is another role to who reads by ear.
  const roles = ["textbox", "combobox", "spinbutton"].map(
    (role) => `::-p-aria([name="${label}"][role="${role}"])`,
  );
  const found = await page.waitForSelector(roles.join(", "));
  await found?.click({ count: 3 });
  await page.keyboard.type(text);
}

export async function pathIs(page: Page, path: RegExp): Promise<string> {
  return await eventually(() => path.exec(new URL(page.url()).pathname)?.[1], {
    what: `an address like ${path}`,
  });
}
