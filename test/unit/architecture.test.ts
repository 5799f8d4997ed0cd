/** The rules of the house that the linter cannot check: what lies where, and what a pure file must not do. */
import { execFileSync } from "node:child_process";
import { globSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = new URL("../..", import.meta.url).pathname;
const PACKAGES = ["agent", "control-plane", "shared"];
const ROOT_ENTRIES = [
  "README.md",
  "agent",
  "control-plane",
  "package.json",
  "pnpm-lock.yaml",
  "pnpm-workspace.yaml",
  "shared",
  "test",
  "tsconfig.base.json",
];
/** Where SQL may stand: the two databases' own folders. */
const SQL_FOLDERS = /^(control-plane\/src\/store|agent\/src\/journal|agent\/src\/access)\//;
const SQL =
  /\b(SELECT\s[^;]*\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|(CREATE|ALTER|DROP)\s+TABLE)\b/;
/** "Now", in each of its spellings: `new Date()`, `new Date`, and `Date(...)`, which ignores its arguments. */
const READS_THE_CLOCK = /\bnew\s+Date\b(?!\s*\(\s*[^)\s])|(?<!\bnew\s+|[.\w])Date\s*\(/;

const sources = PACKAGES.flatMap((name) => filesOf(`${name}/src/**/*.ts`));
const coreFiles = sources.filter((file) => file.includes("/src/core/"));

function filesOf(pattern: string): string[] {
  return globSync(pattern, { cwd: ROOT }).toSorted();
}

/** The text without its comments, which may well speak of what code must not do. */
function codeOf(file: string): string {
  const text = readFileSync(ROOT + file, "utf8");
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/(^|\s)\/\/.*$/gm, "$1");
}

/** What is kept in the repository; in an unpacked archive, what lies there. */
function rootEntries(): string[] {
  try {
    const tracked = execFileSync("git", ["ls-files", "-z"], { cwd: ROOT, encoding: "utf8", stdio: "pipe" });
    return [...new Set(tracked.split("\0").map((path) => path.split("/")[0] ?? ""))].filter(
      (name) => name !== "",
    );
  } catch {
    return readdirSync(ROOT).filter((name) => name !== "node_modules");
  }
}

test("the root holds what was agreed, and dot files", () => {
  const visible = rootEntries().filter((name) => !name.startsWith("."));

  expect(visible.toSorted()).toEqual(ROOT_ENTRIES);
});

describe("a core file", () => {
  test("does not read the clock", () => {
    expect(coreFiles.filter((file) => READS_THE_CLOCK.test(codeOf(file)))).toEqual([]);
  });

  test("has its unit test", () => {
    const untested = coreFiles.filter((file) => {
      const [packageName = ""] = file.split("/");
      return filesOf(`test/unit/${packageName}/${basename(file, ".ts")}.test.ts`).length === 0;
    });

    expect(untested).toEqual([]);
  });

  test.each([
    ["const now = new Date();", true],
    ["const now = new Date;", true],
    ["const now = new Date( );", true],
    ["const now = Date();", true],
    ["const then = new Date(ms);", false],
    ["const then = new Date(\n  ms,\n);", false],
    ["const year = Date.UTC(2026, 0);", false],
    ["updateDate(row);", false],
  ])("as %j reads the clock: %s", (code, isReading) => {
    expect(READS_THE_CLOCK.test(code)).toBe(isReading);
  });
});

test("SQL stands only with the databases it is for", () => {
  const withSql = sources.filter((file) => SQL.test(codeOf(file)));

  expect(withSql.filter((file) => !SQL_FOLDERS.test(file))).toEqual([]);
  expect(withSql).toContain("agent/src/journal/row-store.ts");
});

test("a file has a name of the domain, and imports come from the file that owns the thing", () => {
  const all = [
    ...sources,
    ...filesOf("test/{unit,integration,system,support,bench,fakes,simulator}/**/*.ts"),
  ];
  const nameless = /^(utils?|helpers?|common|misc|index)$/;
  const unnamed = all.filter(
    (file) =>
      nameless.test(basename(file, ".ts")) ||
      dirname(file)
        .split("/")
        .some((part) => nameless.test(part)),
  );
  const barrels = all.filter((file) => /^export \* from /m.test(codeOf(file)));

  expect({ unnamed, barrels }).toEqual({ unnamed: [], barrels: [] });
});
