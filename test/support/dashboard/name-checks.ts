/**
 * Names that would break a page, and what a page has to make of them: text, that is read in its own direction, turns nothing
 * around it, and widens nothing.
 */
import type { Page } from "puppeteer-core";

/** Every name of a test has it, and so is found. */
const MARK = "hostile";
/** Of what turns text, and so is not looked at where a name is sought. */
const TURNS = /[\u200E\u200F\u202A-\u202E\u2066-\u2069]/g;
/** Has no room for all of it. */
const SHORT = 100;
const PHONE = { width: 360, height: 780 };
const BATCH_QUEUE = { width: 1200, height: 900 };

/**
 * Of one kind of thing, as long as it may be: a tag that would act, words read from the right, isolates that are not ended
 * and an end that belongs to no isolate, letters that are no text alone, and no blank to break a line at.
 */
export function hostileName(kind: string, length: number): string {
  const turning = "\u202E\u05E9\u05DC\u05D5\u05DD\u2069\u2067";
  const tags = length < SHORT ? "<b/data-hit>" : "<img/src=x/onerror=wasRun=1><b/data-hit>";
  const name = `${MARK}-${kind}${tags}${turning}😈`;
  return name + "W".repeat(Math.max(0, length - name.length));
}

export function bare(text: string): string {
  return text.replaceAll(TURNS, "");
}

/** For `evaluateOnNewDocument`: what is asked and not answered, but for what never ends. */
export const COUNT_REQUESTS = `{
  const send = globalThis.fetch;
  globalThis.askedNow = 0;
  globalThis.fetch = async (...told) => {
    if (/\\/stream\\?|follow=true/.test(String(told[0]))) return await send(...told);
    globalThis.askedNow += 1;
    try { return await send(...told); } finally { globalThis.askedNow -= 1; }
  };
}`;

/** Goes to an address as a link of the page would, and waits until all of it stands. */
export async function goWithin(page: Page, path: string): Promise<void> {
  await page.evaluate(
    `history.pushState({}, "", ${JSON.stringify(path)}); dispatchEvent(new PopStateEvent("popstate"));`,
  );
  await stands(page);
}

/** Nothing is asked for, and nothing is on its way. */
export async function stands(page: Page): Promise<void> {
  await page.waitForFunction(
    `(() => {
      const isIdle = globalThis.askedNow === 0 && document.querySelector("main h1, [data-not-found]") !== null &&
        document.querySelector("main .mantine-Skeleton-root, main .mantine-Loader-root") === null;
      globalThis.idleLooks = isIdle ? (globalThis.idleLooks ?? 0) + 1 : 0;
      if (globalThis.idleLooks < 4) return false;
      globalThis.idleLooks = 0;
      return true;
    })()`,
    { polling: 40 },
  );
}

/** What was found of the names on a page. */
interface Checked {
  /** Texts in which a name stands that may turn what is beside it, and where. */
  loose: string[];
  /** All that is there of names, in elements and in what is said of them. */
  texts: string[];
  wasRun: boolean;
  hits: number;
}

const CHECK = `(() => {
  const turns = /[\\u0590-\\u08FF\\u202A-\\u202E\\u2066-\\u2069]/;
  const loose = [], texts = [];
  const standsAlone = (element) => {
    for (let one = element; one !== null; one = one.parentElement) {
      const style = getComputedStyle(one);
      if (/isolate|plaintext/.test(style.unicodeBidi) && (one.localName === "bdi" || style.display.startsWith("inline")))
        return true;
      if (!style.display.startsWith("inline") && style.display !== "contents") return false;
    }
    return false;
  };
  const isolates = (text) => {
    let depth = 0;
    for (const letter of text) {
      if (/[\\u2066-\\u2068]/.test(letter)) depth += 1;
      else if (letter === "\\u2069") depth -= 1;
      else if (depth === 0 && turns.test(letter)) return false;
      if (depth < 0) return false;
    }
    return depth === 0;
  };
  const isBalanced = (text) => isolates("\\u2068" + text + "\\u2069");
  const walk = document.createTreeWalker(document, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node !== null; node = walk.nextNode()) {
    const text = node.data, parent = node.parentElement;
    if (!text.includes("${MARK}") || ["SCRIPT", "STYLE", "TEXTAREA"].includes(parent.tagName)) continue;
    texts.push(text);
    if (!turns.test(text) || isolates(text)) continue;
    // What is no element by itself is text and nothing else.
    if (standsAlone(parent) && isBalanced(text) && parent.localName !== "option") continue;
    loose.push(parent.outerHTML.slice(0, 300));
  }
  for (const element of document.querySelectorAll("[aria-label]")) {
    const text = element.getAttribute("aria-label");
    if (!text.includes("${MARK}")) continue;
    texts.push(text);
    if (turns.test(text) && !isolates(text)) loose.push(element.outerHTML.slice(0, 300));
  }
  return {
    loose,
    texts,
    wasRun: globalThis.wasRun !== undefined,
    hits: document.querySelectorAll("[data-hit], img[src=x]").length,
  };
})()`;

/** What a page makes of names that it should not, and all that it shows of them. */
export interface NamesOnPage {
  wrong: string[];
  texts: string[];
}

/** As it stands, at a desk and on a phone. @param what it is, for whoever reads what is wrong */
export async function namesOn(page: Page, what: string): Promise<NamesOnPage> {
  const { loose, texts, wasRun, hits } = (await page.evaluate(CHECK)) as Checked;
  const wrong = loose.map((html) => `${what}: a name turns what is beside it in ${html}`);
  if (wasRun || hits > 0) wrong.push(`${what}: a name is more than text`);
  for (const size of [PHONE, BATCH_QUEUE]) {
    await page.setViewport(size);
    await page.waitForFunction(`innerWidth === ${size.width}`);
    const wide = (await page.evaluate(WIDE)) as string[];
    wrong.push(...wide.map((html) => `${what}: at ${size.width} px the page is as wide as ${html}`));
  }
  return { wrong, texts: texts.map(bare) };
}

/** What makes it scroll sideways, once what moves aside for another width has moved. */
const WIDE = `(async () => {
  const isWide = () => document.documentElement.scrollWidth > innerWidth;
  for (let nth = 0; nth < 25 && isWide(); nth += 1) await new Promise((done) => setTimeout(done, 40));
  if (!isWide()) return [];
  const within = ".mantine-ScrollArea-viewport, .fleet-map, .log-view, pre";
  const found = [...document.querySelectorAll("main *, header *, [role=dialog] *")].filter(
    (one) => one.getBoundingClientRect().right > innerWidth + 1 && one.parentElement.closest(within) === null,
  );
  return found.length === 0 ? ["something outside of it"] : found.slice(-2).map((one) => one.outerHTML.slice(0, 300));
})()`;
