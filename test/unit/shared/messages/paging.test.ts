import * as fc from "fast-check";
import { expect, test } from "vitest";
import { pagesOf } from "@remotegpu/shared/messages/paging";
import { encode } from "@remotegpu/shared/messages/wire";

test.each([
  ["nothing is one empty page", [], 10, [[]]],
  ["what fits is one page", ["aa", "bb"], 10, [["aa", "bb"]]],
  ["exactly full is still one page", ["aa", "bb"], 10, [["aa", "bb"]]],
  ["one byte more is a second page", ["aa", "bbb"], 10, [["aa"], ["bbb"]]],
  [
    "what is larger than a page gets its own",
    ["a", "b".repeat(20), "c"],
    10,
    [["a"], ["b".repeat(20)], ["c"]],
  ],
])("%s", (_, items, maxBytes, pages) => {
  expect(pagesOf(items, maxBytes)).toEqual(pages);
});

test("nothing is lost, doubled or reordered, and no page of several items is too large", () => {
  fc.assert(
    fc.property(fc.array(fc.string()), fc.integer({ min: 1, max: 100 }), (items, maxBytes) => {
      const pages = pagesOf(items, maxBytes);

      expect(pages.flat()).toEqual(items);
      for (const page of pages) {
        const bytes = page.reduce((sum, item) => sum + encode(item).byteLength + 1, 0);
        expect(page.length <= 1 || bytes <= maxBytes).toBe(true);
      }
    }),
  );
});
