/**
 * The field's words: names that others import, files, headings, log lines and the dashboard's texts use what somebody who
 * knows Kubernetes, nginx, Docker, systemd and Postgres would search for. Comments and single names within a file are left
 * to their readers.
 */
import { globSync, readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = new URL("../..", import.meta.url).pathname;

/** Each word that is not used, with the one that is. */
const REPLACED = new Map(
  Object.entries({
    report: "tell tells told telling say says said saying news",
    request: "ask asks asked asking",
    client: "asker askers",
    route: "way ways",
    cached: "kept",
    presented: "shown",
    check: "look looks looked looking lookout",
    state: "standing standings",
    "batch queue": "desk desks",
    "token bucket": "rhythm",
    "bulk stream": "pour pours poured pouring",
    "reverse proxy": "carrier carriers",
    "draining process": "elder elders",
    successor: "heir heirs",
    handover: "inheritance succession inherited",
    desired: "wish wishes wished",
    inputs: "grounds",
    "audit scope": "witness witnesses witnessed",
    fault: "harm harms hurts",
    actor: "orderer orderers",
    actions: "acts",
  }).flatMap(([better, words]) => words.split(" ").map((word) => [word, better] as const)),
);
/** What whole names are not, though their words may stand in others. */
const REPLACED_TOGETHER =
  /front[-_ ]?door|service[-_ ]?door|service[-_ ]?lines?\b|fair[-_ ]?turns|opening[-_ ]?turns|held[-_ ]?back|access[-_ ]?book|under[-_ ]?way|on[-_ ]?its[-_ ]?way/i;
/** Folders are named for what lies in them. */
const FOLDERS = new Map([
  ["frame", "layout or framework"],
  ["parts", "components"],
  ["words", "locales"],
  ["things", "resources"],
  ["scene", "inputs or snapshot"],
  ["book", "registry"],
]);

const sources = filesOf(
  "{agent,control-plane,shared}/{src,install,cli,gateway,server,dashboard/src}/**/*.{ts,tsx}",
);
const all = [...sources, ...filesOf("test/**/*.{ts,tsx}")];
const pages = ["README.md", ...filesOf("{agent,control-plane,shared,test}/**/*.md")];

function filesOf(pattern: string): string[] {
  return globSync(pattern, {
    cwd: ROOT,
    exclude: (path) => /(^|\/)(node_modules|dist|tree)$/.test(path),
  }).toSorted();
}

const textOf = (file: string) => readFileSync(ROOT + file, "utf8");

/** `presentedKeyOf` → presented, key, of. */
function wordsOf(name: string): string[] {
  const apart = name.replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2").replaceAll(/([A-Z]+)([A-Z][a-z])/g, "$1 $2");
  return apart
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word !== "");
}

/** Null where a name, heading or sentence has none of the words; else which, and what is used in its place. */
function wrongIn(text: string): string | null {
  const word = wordsOf(text).find((one) => REPLACED.has(one));
  if (word !== undefined) return `${text}: ${word} → ${REPLACED.get(word) ?? ""}`;
  return REPLACED_TOGETHER.test(text) ? `${text}: see the table of the field's words` : null;
}

const isWrong = (found: string | null): found is string => found !== null;

function exportsOf(file: string): string[] {
  const declared = textOf(file).matchAll(
    /^export (?:default )?(?:abstract )?(?:async )?(?:function\*?|const|let|class|type|interface) (\w+)/gm,
  );
  return [...declared].map(([, name = ""]) => name);
}

/** Without their values: what stands between `${` and `}` is none of ours. */
function logLinesOf(file: string): string[] {
  const lines = textOf(file).matchAll(
    /\b[lL]og(?:ger)?\??\.(?:trace|debug|info|warn|error|fatal)\(\s*(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|\w+)?,?\s*(["`])((?:(?!\1)[^\\]|\\.)*)\1/g,
  );
  return [...lines].map(([, , text = ""]) => text.replaceAll(/\$\{[^}]*\}/g, "…"));
}

function localeTextsOf(file: string): string[] {
  const texts = textOf(file).matchAll(/:\s*"((?:[^"\\]|\\.)*)"/g);
  return [...texts].map(([, text = ""]) => text.replaceAll(/\{\{[^}]*\}\}/g, "…"));
}

const headingsOf = (page: string) =>
  [
    ...textOf(page)
      .replaceAll(/^```[\s\S]*?^```$/gm, "")
      .matchAll(/^#+ (.+)$/gm),
  ].map(([, heading = ""]) => heading);

test("an exported name has the field's words", () => {
  const wrong = all.flatMap((file) =>
    exportsOf(file)
      .map((name) => wrongIn(name))
      .filter(isWrong)
      .map((one) => `${file} ${one}`),
  );

  expect(wrong).toEqual([]);
});

test("a file and its folder have the field's words", () => {
  const names = all.flatMap((file) => [basename(file).replace(/\..*$/, ""), ...dirname(file).split("/")]);
  const folders = new Set(all.flatMap((file) => dirname(file).split("/")));

  expect([...new Set(names)].map((name) => wrongIn(name)).filter(isWrong)).toEqual([]);
  expect([...folders].filter((folder) => FOLDERS.has(folder))).toEqual([]);
});

test("a heading has the field's words", () => {
  const wrong = pages.flatMap((page) =>
    headingsOf(page)
      .map((heading) => wrongIn(heading))
      .filter(isWrong)
      .map((one) => `${page} ${one}`),
  );

  expect(wrong).toEqual([]);
});

test("a log line has the field's words", () => {
  const lines = sources.flatMap((file) => logLinesOf(file).map((line) => ({ file, line })));

  expect(lines.length).toBeGreaterThan(200);
  expect(
    lines.flatMap(({ file, line }) => [wrongIn(line)].filter(isWrong).map((one) => `${file} ${one}`)),
  ).toEqual([]);
});

test("a text of the dashboard has the field's words", () => {
  const texts = sources.filter((file) => file.includes("/locales/en/")).flatMap(localeTextsOf);

  expect(texts.length).toBeGreaterThan(500);
  expect(texts.map((text) => wrongIn(text)).filter(isWrong)).toEqual([]);
});

describe("the guard", () => {
  test.each([
    ["toldRuns", true],
    ["whyNoWay", true],
    ["TOLD_AGAIN_MS", true],
    ["kept-output", true],
    ["FrontDoor", true],
    ["always", false],
    ["Gateway", false],
    ["taskId", false],
    ["standardOutput", false],
  ])("finds a word in %s: %s", (name, isFound) => {
    expect(wrongIn(name) !== null).toBe(isFound);
  });
});
