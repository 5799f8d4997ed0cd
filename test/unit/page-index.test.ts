/** The pages are small, and whoever begins at the index finds each of them. */
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { ALL_PAGES, textOf, withoutBlocks } from "../support/pages/page.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const INDEX = "control-plane/docs/README.md";
const MOST_BYTES = 10_240;
const FIRST_PAGE = "README.md";
const MOST_BYTES_OF_FIRST_PAGE = 8_192;

function bytesOf(page: string): number {
  return statSync(join(ROOT, page)).size;
}

/** The pages to which links of this page lead. */
function pagesLinkedFrom(page: string): string[] {
  return [...withoutBlocks(textOf(page)).matchAll(/\]\(([^)\s#]+\.md)(?:#[^)\s]*)?\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !target.startsWith("http"))
    .map((target) => join(dirname(page), target));
}

function reachedFrom(first: string): Set<string> {
  const reached = new Set<string>();
  const open = [first];
  for (let page = open.pop(); page !== undefined; page = open.pop()) {
    if (reached.has(page)) continue;
    reached.add(page);
    open.push(...pagesLinkedFrom(page).filter((linked) => existsSync(join(ROOT, linked))));
  }
  return reached;
}

test("each page has at most 10,240 bytes", () => {
  expect(ALL_PAGES.length).toBeGreaterThan(80);
  expect(ALL_PAGES.filter((page) => bytesOf(page) > MOST_BYTES)).toEqual([]);
});

test("the repository's README has at most 8,192 bytes", () => {
  expect(bytesOf(FIRST_PAGE)).toBeLessThanOrEqual(MOST_BYTES_OF_FIRST_PAGE);
});

test("the index names each page of its folder by itself", () => {
  const named = new Set(pagesLinkedFrom(INDEX));
  const own = ALL_PAGES.filter((page) => page.startsWith("control-plane/docs/") && page !== INDEX);

  expect(own.filter((page) => !named.has(page))).toEqual([]);
});

test("links lead from the index to each page of the repository", () => {
  const reached = reachedFrom(INDEX);

  expect(ALL_PAGES.filter((page) => !reached.has(page))).toEqual([]);
});

test("each page begins with its title, and has no other of its level", () => {
  const titles = (page: string) => withoutBlocks(textOf(page)).match(/^# .+$/gm) ?? [];

  expect(ALL_PAGES.filter((page) => !textOf(page).startsWith("# ") || titles(page).length !== 1)).toEqual([]);
});
