/**
 * Makes the dashboard's files: hashed scripts and styles, each also packed by gzip, and the manifest by which a test
 * reads their sizes. A process of its own, so that neither the bundler nor what it costs is in the server.
 *
 *   node control-plane/dashboard/build.ts --out FOLDER
 */
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { constants, gzipSync } from "node:zlib";
import { build, type HtmlTagDescriptor, type Plugin, type Rolldown } from "vite";
import { licencesOf } from "../install/licences.ts";

/** What is smaller gains nothing. */
const PACKED_FROM_BYTES = 1_000;
const PACKED = /\.(js|css|html|svg|txt)$/;

const SOURCES = join(import.meta.dirname, "src");
const MAIN = join(SOURCES, "main.tsx");

/** What is fetched together. Packed, a few large files are smaller than many small ones, by a tenth of all. */
const GROUPS: Rolldown.CodeSplittingGroup[] = [
  // The first file waits for none: it loads the page again where one of the others does not come.
  { name: "preload", test: /preload-helper/, priority: 3 },
  { name: wordsGroup, priority: 2 },
  { name: (id, modules) => (isOfFrame(id, modules) ? "frame" : null), priority: 1 },
  { name: "shared", minShareCount: 2 },
];

const frame = new Set<string>();
const held = new Set<string>();

const { values } = parseArgs({ options: { out: { type: "string" } } });
const out = values.out;
if (out === undefined) throw new Error("--out names the folder");

// Whoever starts us may be in a test or at work on it; the libraries' own checks of that are never served.
process.env["NODE_ENV"] = "production";
await rm(out, { recursive: true, force: true });
await build({
  root: import.meta.dirname,
  configFile: false,
  logLevel: "error",
  publicDir: false,
  plugins: [libraries(), licences(), preloads()],
  // The proof's document is written with it.
  resolve: { alias: [{ find: /^zod$/, replacement: join(SOURCES, "pages/billing/proof/small-zod.ts") }] },
  build: {
    outDir: out,
    emptyOutDir: true,
    target: ["chrome111", "firefox115", "safari16.4"],
    manifest: true,
    modulePreload: { polyfill: false },
    // The policy of its paths takes no data: for scripts and styles.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: { output: { codeSplitting: { groups: GROUPS } } },
  },
  worker: { plugins: () => [libraries()] },
});
await Promise.all((await filesBelow(out)).map(pack));

/** Words of pages that the same people go to lie in one folder and are fetched together; those that pages share are not. */
function wordsGroup(id: string): string | null {
  const [, language, group] = /\/src\/locales\/(en|zh)\/(\w+)\/\w+\.ts$/.exec(id) ?? [];
  return language === undefined || group === undefined ? null : `words-${language}-${group}`;
}

/** Is it there before any page? */
function isOfFrame(id: string, modules: Rolldown.ChunkingContext): boolean {
  if (frame.size === 0)
    for (const one of frame.add(MAIN))
      for (const next of modules.getModuleInfo(one)?.importedIds ?? []) frame.add(next);
  return frame.has(id);
}

/** Keeps what a bundle holds of them: the page's, and its worker's, which is one of its own. */
function libraries(): Plugin {
  return {
    name: "libraries",
    generateBundle(_options, bundle) {
      const modules = Object.values(bundle).flatMap((one) => (one.type === "chunk" ? one.moduleIds : []));
      for (const id of modules)
        if (id.includes("/node_modules/") && !id.startsWith("\0"))
          held.add(relative(import.meta.dirname, id.replace(/\?.*$/, "")));
    },
  };
}

/** The libraries' licences ask to be kept in every copy. */
function licences(): Plugin {
  return {
    name: "licences",
    async generateBundle() {
      const source = await licencesOf(import.meta.dirname, [...held]);
      this.emitFile({ type: "asset", fileName: "assets/licences.txt", source });
    },
  };
}

/** What the first file fetches is asked for beside it, and styles before anything is drawn. */
function preloads(): Plugin {
  return {
    name: "preloads",
    transformIndexHtml: {
      order: "post",
      handler(html, { bundle = {} }) {
        const chunks = Object.values(bundle).filter((one) => one.type === "chunk");
        const main = chunks.find((one) => one.facadeModuleId?.endsWith("/src/main.tsx") === true);
        if (main === undefined) throw new Error("the first file fetches no src/main.tsx");
        const needed = new Set([main]);
        for (const { imports } of needed)
          for (const one of chunks) if (imports.includes(one.fileName)) needed.add(one);
        const styles = [...needed].flatMap(({ viteMetadata }) => [...(viteMetadata?.importedCss ?? [])]);
        const scripts = [...needed].map(({ fileName }) => fileName).filter((file) => !html.includes(file));
        return [
          ...styles.map((file) => link("stylesheet", file)),
          ...scripts.map((file) => link("modulepreload", file)),
        ];
      },
    },
  };
}

function link(rel: string, file: string): HtmlTagDescriptor {
  return { tag: "link", attrs: { rel, crossorigin: true, href: `/${file}` }, injectTo: "head" };
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function pack(file: string): Promise<void> {
  if (!PACKED.test(file)) return;
  const text = await readFile(file);
  if (text.length < PACKED_FROM_BYTES) return;
  await writeFile(`${file}.gz`, gzipSync(text, { level: constants.Z_BEST_COMPRESSION }));
}
