/** Every command that a page names is one, with options that it has, and is tried somewhere or cannot be for a reason. */
import { describe, expect, test } from "vitest";
import { remotegpu } from "@remotegpu/control-plane/cli/program";
import { CANNOT_RUN, PLAYED_AFTER_START, RUN_BESIDE, whyNot } from "../support/pages/classes.ts";
import {
  ALL_PAGES,
  commandsIn,
  mentionsIn,
  textOf,
  TRIED_PAGES,
  withoutBlocks,
} from "../support/pages/page.ts";
import { matchesPage } from "../support/pages/shape.ts";

const SERVER_COMMANDS = "control-plane/server/main.ts";

type Program = ReturnType<typeof remotegpu>;
const program = remotegpu();
const serverOptions = optionsOfServer();

/** Command of the server → its options; `run` is also what a bare name means. */
function optionsOfServer(): Map<string, string[]> {
  const [, ...parts] = textOf(SERVER_COMMANDS).split('.command("');
  return new Map(
    parts.map((part) => [
      part.slice(0, part.indexOf('"')),
      [...part.matchAll(/\.(?:option|requiredOption)\(\s*"(--[\w-]+)/g)].map(([, option = ""]) => option),
    ]),
  );
}

/** What is wrong with it; a name of our command alone, or one with nothing behind it, is right. */
function wrongIn(code: string): string[] {
  const wrong: string[] = [];
  for (const [, isServer, line = ""] of code.matchAll(
    /(?:^|[|(] *)(?:npx --no-install )?remotegpu(-control-plane)?(?= |$)([^|)\n]*)/g,
  ))
    wrong.push(...(isServer === undefined ? wrongOfClient(line) : wrongOfServer(line)));
  return wrong.map((what) => `${code}: ${what}`);
}

function wrongOfClient(line: string): string[] {
  const wrong: string[] = [];
  let at: Program = program;
  let isNamed = false;
  for (const word of wordsOf(line)) {
    if (word.startsWith("-")) {
      if (!at.options.some(({ long, short }) => long === word || short === word)) wrong.push(`no ${word}`);
      continue;
    }
    const below = at.commands.find((one) => one.name() === word);
    if (below !== undefined) at = below;
    else if (at.commands.length > 0 && !isNamed && word !== "…") wrong.push(`no ${word}`);
    isNamed ||= below === undefined;
  }
  return wrong;
}

function wrongOfServer(line: string): string[] {
  const [name = "run", ...words] = wordsOf(line);
  const options = serverOptions.get(name);
  if (options === undefined) return [`no ${name}`];
  return words.filter((word) => word.startsWith("--") && !options.includes(word)).map((word) => `no ${word}`);
}

/** Up to what belongs to another command, inside or after it. */
function wordsOf(line: string): string[] {
  const words = line.match(/'[^']*'|"[^"]*"|\S+/g) ?? [];
  const end = words.findIndex((word) => word === "--" || word === ">");
  return end < 0 ? words : words.slice(0, end);
}

describe.each(ALL_PAGES)("%s", (page) => {
  test("names commands and options that exist", () => {
    const text = textOf(page);
    const reported = TRIED_PAGES.some((tried) => tried === page)
      ? commandsIn(text).map(({ command }) => command)
      : text.split("\n").filter((line) => line.startsWith("    "));

    expect([...mentionsIn(text), ...reported.map((line) => line.trim())].flatMap(wrongIn)).toEqual([]);
  });
});

test("each page that is played or run is a page for strangers, once", () => {
  const tried = [...PLAYED_AFTER_START, ...RUN_BESIDE];

  expect(tried.filter((page) => !TRIED_PAGES.includes(page))).toEqual([]);
  expect(new Set(tried).size).toBe(tried.length);
});

test("each command of a page is played, run, or cannot be for a reason", () => {
  const tried = [...PLAYED_AFTER_START, ...RUN_BESIDE];
  const elsewhere = TRIED_PAGES.filter((page) => !tried.includes(page));

  expect(
    elsewhere.flatMap((page) =>
      commandsIn(textOf(page))
        .map(({ command }) => command)
        .filter((command) => whyNot(command) === undefined),
    ),
  ).toEqual([]);
});

test("each command that cannot be run is in a page", () => {
  const all = TRIED_PAGES.flatMap((page) => commandsIn(textOf(page))).map(({ command }) => command);

  expect(
    [...CANNOT_RUN.keys()].filter((beginning) => !all.some((command) => command.startsWith(beginning))),
  ).toEqual([]);
});

test("pages for strangers hide no command: their code stands in blocks of a known language", () => {
  for (const page of TRIED_PAGES) {
    expect(() => commandsIn(textOf(page))).not.toThrow();
    expect(withoutBlocks(textOf(page))).not.toMatch(/^ {4}\S/m);
  }
});

test.each([
  { code: "remotegpu env list", is: [] },
  { code: "npx --no-install remotegpu env create", is: [] },
  { code: "remotegpu env create --max-price", is: ["no --max-price"] },
  { code: "remotegpu envs", is: ["no envs"] },
  { code: "remotegpu alarms", is: ["no alarms"] },
  { code: "remotegpu env exec lab -- ls --color", is: [] },
  { code: "echo 1 | remotegpu env exec --input lab", is: ["no --input"] },
  { code: "remotegpu-control-plane doctor --jsno", is: ["no --jsno"] },
  { code: "npx --no-install remotegpu-control-plane admin-keys", is: ["no admin-keys"] },
])("$code", ({ code, is }) => {
  expect(wrongIn(code)).toEqual(is.map((what) => `${code}: ${what}`));
});

describe("what a page states that a command prints", () => {
  const printed = {
    text: "Environment env-00112233445566778899 (lab) is ordered.\nWaiting.\nIt costs 4.2 a minute.\n",
    numbersVary: false,
  };
  const first = "Environment env-c01288dbe45856ff239b (lab) is ordered.";

  test.each([
    { text: [first, "Waiting.", "It costs 4.2 a minute."], isTrue: true },
    { text: [first, "…", "It costs 4.2 a minute."], isTrue: true },
    { text: [first, "Waiting.", "It costs … a minute."], isTrue: true },
    { text: [first, "…"], isTrue: true },
    { text: [first, "Waiting.", "It costs 4.3 a minute."], isTrue: false },
    { text: [first, "It costs 4.2 a minute."], isTrue: false },
    { text: [first], isTrue: false },
  ])("$text matches: $isTrue", ({ text: report, isTrue }) => {
    expect(matchesPage(report, printed)).toBe(isTrue);
  });

  test("may be another number where it reports what a run took", () => {
    const report = [first, "Waiting.", "It costs 17 a minute."];

    expect(matchesPage(report, { ...printed, numbersVary: true })).toBe(true);
  });
});
