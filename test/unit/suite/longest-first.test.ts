import { expect, test } from "vitest";
import { longestFirst } from "../../support/suite/seconds/longest-first.ts";

const alone = (project: string, seconds: number) => ({ sharesProcesses: false, project, seconds });
const sharing = (project: string, seconds: number) => ({ sharesProcesses: true, project, seconds });

test("the longest file comes first, whatever its project", () => {
  const files = [alone("integration", 1), alone("system", 20), alone("integration", 30), alone("system", 40)];

  expect(longestFirst(files).map(({ seconds }) => seconds)).toEqual([40, 30, 20, 1]);
});

test("files of a project that share processes stay together, before those in processes of their own", () => {
  const files = [
    sharing("database", 2),
    alone("system", 40),
    sharing("pages", 10),
    sharing("database", 9),
    sharing("pages", 4),
  ];

  expect(longestFirst(files)).toEqual([
    sharing("pages", 10),
    sharing("pages", 4),
    sharing("database", 9),
    sharing("database", 2),
    alone("system", 40),
  ]);
});

test("no file is lost", () => {
  const files = Array.from({ length: 9 }, (_, n) => (n % 2 === 0 ? alone("system", 5) : sharing("pages", 5)));

  expect(longestFirst(files)).toHaveLength(files.length);
  expect(longestFirst([])).toEqual([]);
});
