/** What the dashboard costs to load, packed, as the bundler's manifest says it. */
import { statSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { builtDashboard, type ManifestChunk, manifestOf } from "../../support/dashboard/built.ts";

const KB = 1_000;
const FIRST_SCRIPTS = 250 * KB;
const FIRST_STYLES = 22 * KB;
const LAZY_PAGE = 40 * KB;
const CHARTS = 30 * KB;
const ALL = 420 * KB;
/** What proves a bill, with the parser of its document; it is loaded with the first proof. */
const WORKER = 50 * KB;
/** The first file fetches the frame, with the words of one language. */
const FIRST = ["index.html", "src/main.tsx", "src/words/en/frame.ts", "src/words/en/parts.ts"];

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

test("a page has at most 40 kB of its own", () => {
  const pages = Object.keys(manifest).filter((name) => /^src\/pages\/.*-page\.tsx$/.test(name));
  const sizes = pages.map((name) => [name, packedSize(beyondFirst(name))] as const);

  expect(pages).toContain("src/pages/queue/queue-page.tsx");
  expect(sizes.filter(([, size]) => size > LAZY_PAGE)).toEqual([]);
});

test("charts come with the first that is shown, and are at most 30 kB", () => {
  const name = "src/parts/drawn-chart.tsx";
  if (manifest[name] === undefined) return;

  expect(packedSize(beyondFirst(name))).toBeLessThanOrEqual(CHARTS);
});

test("all of it is at most 420 kB without the worker of proofs, which is at most 50 kB, and there are no fonts", () => {
  const files = Object.values(manifest).flatMap(({ file, css = [], assets = [] }) => [
    file,
    ...css,
    ...assets,
  ]);
  const { workers = [], others = [] } = Object.groupBy(new Set(files), (file) =>
    /worker.*\.js$/.test(file) ? "workers" : "others",
  );

  expect(packedSize(others)).toBeLessThanOrEqual(ALL);
  expect(workers).toHaveLength(1);
  expect(packedSize(workers)).toBeLessThanOrEqual(WORKER);
  expect(files.filter((file) => /\.(woff2?|ttf|otf)$/.test(file))).toEqual([]);
});
