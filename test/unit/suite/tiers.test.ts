/** Each file of the suite is in one tier, and the README's table of the tiers is true. */
import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { leftOutOf } from "../../support/suite/left-out.ts";
import { tierPage } from "../../support/suite/tier-page.ts";
import { globsOf, PROJECTS, TIER_TABLE } from "../../support/suite/tiers.ts";

const ROOT = new URL("../../..", import.meta.url).pathname;

const filesIn = (globs: readonly string[]) => globSync([...globs], { cwd: ROOT });

test.each(["unit", "integration", "system"])("every file of %s is in exactly one tier", (folder) => {
  const inTest = new Set(PROJECTS.flatMap((project) => filesIn(globsOf(project, "test"))));
  const inRest = new Set(PROJECTS.flatMap((project) => filesIn(globsOf(project, "rest"))));
  const all = filesIn([`test/${folder}/**/*.test.ts`]);

  expect(all.length).toBeGreaterThan(0);
  expect(all.filter((file) => inTest.has(file) === inRest.has(file))).toEqual([]);
});

test("every file belongs to one project", () => {
  const files = PROJECTS.flatMap((project) => filesIn(globsOf(project, undefined)));

  expect(files.length).toBe(new Set(files).size);
});

test("every name in the table of the tiers is that of a file", () => {
  const globs = TIER_TABLE.flatMap(({ folder, test: own, rest }) =>
    [...own, ...rest].map((name) => `test/${folder}/${name}.test.ts`),
  );

  expect(globs.filter((glob) => filesIn([glob]).length === 0)).toEqual([]);
});

test("the README shows the table of the tiers", () => {
  expect(readFileSync(`${ROOT}test/README.md`, "utf8")).toContain(`\n${tierPage()}\n`);
});

test("the end of npm test counts what it left to the other tier, by folder", () => {
  const { length } = PROJECTS.flatMap((project) => filesIn(globsOf(project, "rest")));

  expect(leftOutOf()).toMatch(new RegExp(`^left to npm run test:rest: ${length} files \\(.*\\bsystem \\d+`));
});
