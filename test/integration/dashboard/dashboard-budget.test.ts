/** What the dashboard costs to load, packed, as the bundler's manifest says it. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { builtDashboard, type ManifestChunk, manifestOf } from "../../support/dashboard/built.ts";

const KB = 1_000;
const FIRST_SCRIPTS = 250 * KB;
const FIRST_STYLES = 22 * KB;
const LAZY_PAGE = 40 * KB;
const CHARTS = 30 * KB;
const ALL = 480 * KB;
/** The first file fetches the frame, with the words of one language. */
const FIRST = ["index.html", "src/main.tsx", "src/locales/en/frame.ts", "src/locales/en/parts.ts"];

let folder: string;
let manifest: Record<string, ManifestChunk>;

beforeAll(async () => {
  folder = await builtDashboard();
  manifest = await manifestOf(folder);
});

/** With all that comes with it, and no sooner than it. */
function filesOf(name: string, seen = new Set<string>()): Set<string> {
  const { file, imports = [], css = [] } = manifest[name] ?? { file: `${name} is not in the manifest` };
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const style of css) seen.add(style);
  for (const one of imports) filesOf(one, seen);
  return seen;
}

/** As it goes over the line. */
function packedSize(files: Iterable<string>): number {
  return [...files]
    .map((file) => `${folder}/${file}`)
    .map((file) => (statSync(`${file}.gz`, { throwIfNoEntry: false }) ?? statSync(file)).size)
    .reduce((sum, size) => sum + size, 0);
}

const scripts = (files: Iterable<string>) => [...files].filter((file) => file.endsWith(".js"));
const styles = (files: Iterable<string>) => [...files].filter((file) => file.endsWith(".css"));
const firstLoad = () => new Set(FIRST.flatMap((name) => [...filesOf(name)]));
const beyondFirst = (name: string) => [...filesOf(name)].filter((file) => !firstLoad().has(file));

test("the first load has at most 250 kB of scripts and 22 kB of styles", () => {
  const files = firstLoad();

  expect(packedSize(scripts(files))).toBeGreaterThan(100 * KB);
  expect(packedSize(scripts(files))).toBeLessThanOrEqual(FIRST_SCRIPTS);
  expect(packedSize(styles(files))).toBeLessThanOrEqual(FIRST_STYLES);
});

const PAGES = new URL("../../../control-plane/dashboard/src/layout/pages.ts", import.meta.url);
const PAGE =
  /path: "(?<path>.*?)", words: (?<words>.*?), load: \(\) => import\("\.\.\/pages\/(?<file>.*?)"\)/g;
const pages = [...readFileSync(PAGES, "utf8").matchAll(PAGE)].map(({ groups = {} }) => groups);

/** Words of pages lie in folders of those that are fetched together. */
function wordsOf(language: string, name: string): string {
  const folder = `src/locales/${language}/`;
  return (
    Object.keys(manifest).find((file) => file.startsWith(folder) && file.endsWith(`/${name}.ts`)) ?? name
  );
}

test.each(["en", "zh"])("a page has at most 40 kB of its own, with its words: %s", (language) => {
  const sizes = pages.map(({ path, words = "", file }) => {
    const names = [...words.matchAll(/\w+/g)].map(([name]) => wordsOf(language, name));
    const own = new Set([`src/pages/${file}`, ...names].flatMap(beyondFirst));
    return { path, size: packedSize(own) };
  });

  expect(sizes.map(({ path }) => path)).toContain("/queue");
  expect(sizes.filter(({ size }) => size > LAZY_PAGE)).toEqual([]);
});

test("charts come with the first that is drawn, and are at most 30 kB", () => {
  const size = packedSize(beyondFirst("src/components/charts/drawn-chart.tsx"));

  expect(size).toBeGreaterThan(10 * KB);
  expect(size).toBeLessThanOrEqual(CHARTS);
});

test("all scripts and styles are at most 480 kB, what proves a bill among them, and there are no fonts", () => {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const all = files.filter((file) => /\.(js|css)$/.test(file));

  expect(all).toContainEqual(expect.stringContaining("proof-worker"));
  expect(packedSize(all)).toBeLessThanOrEqual(ALL);
  expect(files.filter((file) => /\.(woff2?|ttf|otf)$/.test(file))).toEqual([]);
});

test("the first file waits for none that may be gone", () => {
  const { imports = [] } = manifest["index.html"] ?? {};

  expect(imports).toEqual([expect.stringContaining("preload")]);
});
