/** The pages are true where a machine can tell: settings and their defaults, commands, links, paths. */
import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { readConfig } from "@remotegpu/control-plane/server/config";
import { ALL_PAGES } from "../support/pages/page.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const DOCS = "control-plane/docs";
/** The pages whose tables have the settings of a package, and the variables of its command. */
const SETTINGS_PAGES = {
  agent: [`${DOCS}/operators/agent-settings.md`],
  "control-plane": [`${DOCS}/operators/settings.md`, `${DOCS}/customers/command.md`],
};
const ALL_SETTINGS_PAGES = Object.values(SETTINGS_PAGES).flat();
/** What names the variables that containers get. */
const GIVEN_TO_CONTAINERS = [
  "control-plane/server/core/instances/desired-set.ts",
  "control-plane/server/core/training/rank-environment.ts",
  "control-plane/server/core/training/launch/launch-environment.ts",
];
/** It reads where the key is that signs releases. */
const BUNDLE_BUILDER = "agent/install/build-bundle.ts";
const VARIABLE =
  /\b(?:REMOTEGPU_[A-Z0-9_]+|(?:MIGRATION_)?DATABASE_URL|NATS_(?:URL|CA_FILE)|WEB_(?:DOMAIN|CERT|KEY)|SERVICE_DOMAIN)\b/g;
/** A first word of this kind is a path from the root of the repository, whatever follows it. */
const FROM_THE_ROOT = /^(?:agent|control-plane|shared|test|\.setup)\/[\w./-]+$/;
/** Bytes, and letters. */
const MOST_OF_A_PICTURE = 120_000;
const MOST_OF_ALL_PICTURES = 1_000_000;
const LEAST_WORDS = 30;

function read(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

/** What stands between backticks, and the lines of indented and fenced code. */
function codeIn(page: string): string[] {
  const fenced = [...page.matchAll(/^```\w*\n([\s\S]*?)^```$/gm)].flatMap(([, block = ""]) =>
    block.split("\n"),
  );
  const indented = page.split("\n").filter((line) => line.startsWith("    "));
  const inline = [...page.replaceAll(/^```[\s\S]*?^```$/gm, "").matchAll(/`([^`\n]+)`/g)];
  return [...fenced, ...indented, ...inline.map(([, code = ""]) => code)];
}

function linksIn(page: string): string[] {
  return [...page.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
}

/** As they are linked to: small letters, no marks, dashes for blanks. */
function headingsIn(page: string): string[] {
  return [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, "")
      .replaceAll(" ", "-"),
  );
}

/** Variable → the text that config.ts gives as its default; null where it gives none. */
function settingsOf(config: string): Map<string, string | null> {
  const members = config.matchAll(/^ {2}([A-Z0-9_]+): ([\s\S]*?),\n(?= {2}[A-Z0-9_]+:| {2}\/\*\*|\}\))/gm);
  return new Map(
    [...members].map(([, name = "", schema = ""]) => [
      name,
      /\.default\("([^"]*)"\)/.exec(schema)?.[1] ?? null,
    ]),
  );
}

/** The rows of tables whose first cell is a variable: variable → the cell after it. */
function variableRows(page: string): Map<string, string> {
  const rows = page.matchAll(/^\| `([A-Z][A-Z0-9_]+)` \| ([^|]*) \|/gm);
  return new Map([...rows].map(([, name = "", cell = ""]) => [name, cell]));
}

/** What a page shows, by where it lies, with the words for those who do not see it. */
function picturesOf(file: string): { path: string; words: string }[] {
  return [...read(file).matchAll(/!\[([^\]]*)\]\(([^)\s]+)\)/g)].map(([, words = "", target = ""]) => ({
    path: join(dirname(file), target),
    words,
  }));
}

/** Where a program reads its settings. */
const SETTINGS_FILES = {
  agent: "agent/src/config/config.ts",
  "control-plane": "control-plane/server/config.ts",
};

describe.each(["agent", "control-plane"] as const)("the settings of %s", (name) => {
  const settings = settingsOf(read(SETTINGS_FILES[name]));
  const page = SETTINGS_PAGES[name].map(read).join("\n");
  const rows = variableRows(page);
  // The command line reads its few variables itself.
  const ofTheCommand = globSync(`${name}/cli/**/*.ts`, { cwd: ROOT }).flatMap((file) =>
    [...read(file).matchAll(/process\.env\.(REMOTEGPU_\w+)/g)].map(([, variable = ""]) => variable),
  );

  test("are all of config.ts", () => {
    const named = new Set(read(SETTINGS_FILES[name]).match(VARIABLE));

    expect([...settings.keys()].toSorted()).toEqual([...named].toSorted());
  });

  test("are all in the pages' tables, and nothing else is", () => {
    expect([...rows.keys()].toSorted()).toEqual(
      [...new Set([...settings.keys(), ...ofTheCommand])].toSorted(),
    );
    const mentioned = new Set(page.match(VARIABLE));
    expect([...mentioned].filter((variable) => !rows.has(variable))).toEqual([]);
  });

  test("have the defaults that the pages give", () => {
    const reported = [...settings].filter(([, value]) => value !== null);

    expect(reported.length).toBeGreaterThan(1);
    expect(reported.filter(([variable, value]) => rows.get(variable) !== `\`${value}\``)).toEqual([]);
  });
});

describe.each(ALL_PAGES)("%s", (file) => {
  const page = read(file);

  test("names npm scripts that exist", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const named = codeIn(page).flatMap((code) =>
      [...code.matchAll(/\bnpm (?:run ([\w:-]+)|(start|test)\b)/g)].map(
        ([, run, short]) => run ?? short ?? "",
      ),
    );

    expect(named.filter((script) => !(script in scripts))).toEqual([]);
  });

  test("links to what exists", () => {
    const relative = linksIn(page).filter((target) => !/^(?:https?:|#)/.test(target));

    expect(
      relative.filter((target) => !existsSync(join(ROOT, dirname(file), target.replace(/#.*/, "")))),
    ).toEqual([]);
  });

  test("links to headings that exist", () => {
    const headings = linksIn(page)
      .filter((target) => !target.startsWith("http") && target.includes("#"))
      .map((target) => target.split("#"));

    expect(
      headings.filter(
        ([other = "", heading = ""]) =>
          !headingsIn(other === "" ? page : read(join(dirname(file), other))).includes(heading),
      ),
    ).toEqual([]);
  });

  test("names files and folders that exist", () => {
    const paths = codeIn(page).flatMap((code) =>
      code.split(/\s+/).filter((word) => FROM_THE_ROOT.test(word)),
    );

    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  test("names only variables that somebody reads, or that containers are given", () => {
    const given = [...GIVEN_TO_CONTAINERS, BUNDLE_BUILDER].flatMap(
      (file) => read(file).match(VARIABLE) ?? [],
    );
    const known = new Set([
      ...ALL_SETTINGS_PAGES.flatMap((settings) => [...variableRows(read(settings)).keys()]),
      ...given,
    ]);

    expect([...new Set(page.match(VARIABLE))].filter((variable) => !known.has(variable))).toEqual([]);
  });

  test("needs nothing beside this repository", () => {
    expect(page.replaceAll("../../shared/", "")).not.toContain("../shared");
    expect(linksIn(page).filter((target) => join(dirname(file), target).startsWith(".."))).toEqual([]);
  });
});

describe("the pictures", () => {
  const visible = ALL_PAGES.flatMap(picturesOf);
  const stored = globSync("control-plane/docs/pictures/*", { cwd: ROOT }).toSorted();

  test("are all displayed by a page, and whatever a page shows is there", () => {
    expect(stored.length).toBeGreaterThan(8);
    expect([...new Set(visible.map(({ path }) => path))].toSorted()).toEqual(stored);
  });

  test("have words that describe what is on them", () => {
    expect(visible.filter(({ words }) => words.length < LEAST_WORDS)).toEqual([]);
  });

  test("are small, each and together", () => {
    const sizes = stored.map((path) => ({ path, bytes: statSync(join(ROOT, path)).size }));

    expect(sizes.filter(({ bytes }) => bytes > MOST_OF_A_PICTURE)).toEqual([]);
    expect(sizes.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(MOST_OF_ALL_PICTURES);
  });
});

test("the addresses that pages let a server listen on are none of its other defaults", () => {
  const options = ALL_PAGES.flatMap((file) => [...read(file).matchAll(/--listen (\d[\d.]*:\d+)/g)]).map(
    ([, listen = ""]) => ({ REMOTEGPU_LISTEN: listen }),
  );
  const files = ALL_PAGES.flatMap((file) => [...read(file).matchAll(/^```ini\n([\s\S]*?)^```$/gm)])
    .map(([, lines = ""]) =>
      Object.fromEntries(
        [...lines.matchAll(/^(\w+)=(\S+)$/gm)].map(([, name = "", value = ""]) => [name, value]),
      ),
    )
    .filter((settings) => "REMOTEGPU_LISTEN" in settings);

  for (const settings of [{}, ...options, ...files]) {
    const { listen, gateway } = readConfig(settings);
    const listens = [listen, gateway?.listen, gateway?.tunnel?.listen];
    // A server that is no gateway has one.
    const ports = listens.flatMap((at) => (at === undefined ? [] : [at.port]));
    expect({ settings, count: new Set(ports).size }).toEqual({ settings, count: gateway === null ? 1 : 3 });
  }
  expect([options.length, files.length].every((count) => count > 0)).toBe(true);
});

test.each(["agent", "control-plane", "shared", "test"])(
  "the tables of %s name its own folders and files",
  (name) => {
    const cells = [...read(`${name}/README.md`).matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, cell = ""]) =>
      [...cell.matchAll(/`([a-z][\w./-]*)`/g)].map(([, path = ""]) => path),
    );

    expect(cells.length).toBeGreaterThan(3);
    expect(cells.filter((path) => !existsSync(join(ROOT, name, path)))).toEqual([]);
  },
);

test("every file of the contract is in its table", () => {
  const page = read("shared/README.md");

  expect(
    globSync("src/*.ts", { cwd: `${ROOT}/shared` }).filter((file) => !page.includes(`\`${file}\``)),
  ).toEqual([]);
});

describe("the pages on the schema", () => {
  const migrations = "control-plane/migrations";
  const snapshot = read(`${migrations}/schema-snapshot.sql`);
  const oldTablesPage = read(`${DOCS}/developers/old-tables.md`);
  const indexesIn = (sql: string) =>
    [...sql.matchAll(/^CREATE (?:UNIQUE )?INDEX (\w+) ON (\w+) /gm)].map(([, name = "", table = ""]) => ({
      name,
      table,
    }));
  const oldNames = new Set(indexesIn(read(`${migrations}/old_names.sql`)).map(({ name }) => name));
  const oldColumns = columnsIn(read(`${migrations}/0001_old_tables.sql`));
  const oldTables = new Set(oldColumns.keys());

  /** Table → its columns. */
  function columnsIn(sql: string): Map<string, string[]> {
    const tables = sql.matchAll(/^CREATE TABLE (?:IF NOT EXISTS )?(\w+) \(\n([^]*?)^\);/gm);
    return new Map(
      [...tables].map(([, table = "", lines = ""]) => [
        table,
        [...lines.matchAll(/^ +([a-z_]+) /gm)].map(([, column = ""]) => column),
      ]),
    );
  }

  test("name every column that an upgrade adds to an old table, by its table, and no other", () => {
    const added = [...columnsIn(snapshot)].flatMap(([table, columns]) => {
      const old = oldColumns.get(table);
      return old === undefined
        ? []
        : columns.filter((column) => !old.includes(column)).map((column) => `${table} ${column}`);
    });
    const rows = oldTablesPage.matchAll(/^\| (\w+) \| (?:\d+ \| \d+ \| )?([a-z_]+(?:, [a-z_]+)*) \|$/gm);
    const named = [...rows]
      .filter(([, table = "", cell = ""]) => oldTables.has(table) && !cell.startsWith("idx_"))
      .flatMap(([, table = "", cell = ""]) => cell.split(", ").map((column) => `${table} ${column}`));

    expect(added.length).toBeGreaterThan(100);
    expect(named.toSorted()).toEqual(added.toSorted());
  });

  test("name every index that an upgrade adds to an old table, by its table, and no other", () => {
    const added = indexesIn(snapshot).filter(
      ({ name, table }) => oldTables.has(table) && !oldNames.has(name),
    );
    const rows = oldTablesPage.matchAll(/^\| (\w+) \| (idx_[^|]*) \|$/gm);
    const reported = [...rows].flatMap(([, table = "", cell = ""]) =>
      (cell.match(/idx_\w+/g) ?? []).map((name) => ({ name, table })),
    );

    const inOrder = (indexes: typeof added) =>
      indexes.map(({ table, name }) => `${table} ${name}`).toSorted();
    expect(added.length).toBeGreaterThan(30);
    expect(inOrder(reported)).toEqual(inOrder(added));
  });

  test("name every file", () => {
    const page = read(`${migrations}/README.md`);

    expect(
      globSync("0*.sql", { cwd: join(ROOT, migrations) }).filter((file) => !page.includes(file)),
    ).toEqual([]);
  });
});
