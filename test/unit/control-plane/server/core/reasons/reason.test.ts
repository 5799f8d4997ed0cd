import { globSync } from "node:fs";
import { asReported, isReason } from "@remotegpu/control-plane/server/core/reasons/reason";
import { expect, test } from "vitest";

test("a text of somebody else is a reason as it was reported", () => {
  const reason = asReported("The fan has stopped.");

  expect(reason).toEqual({ code: "as-reported", params: { text: "The fan has stopped." } });
  expect(isReason(reason)).toBe(true);
});

test("a code of another version is no reason of this one", () => {
  expect(isReason({ code: "of-tomorrow", params: {} })).toBe(false);
});

test("no code is in two families", async () => {
  const core = new URL("../../../../../../control-plane/server/core/", import.meta.url).pathname;
  const files = globSync("{reasons,refusals}/codes/*.ts", { cwd: core }).filter(
    (file) => !file.endsWith("/refusals.ts"),
  );
  const families = await Promise.all(files.map(async (file): Promise<object> => await import(core + file)));
  const codes = families.flatMap((family) => Object.values(family)).flatMap((family) => Object.keys(family));

  expect(codes.length).toBeGreaterThan(400);
  expect(codes.filter((code, at) => codes.indexOf(code) !== at)).toEqual([]);
});
