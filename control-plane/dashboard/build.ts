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
import { build, type HtmlTagDescriptor, type Plugin } from "vite";
import { licencesOf } from "../install/licences.ts";

/** What is smaller gains nothing. */
const PACKED_FROM_BYTES = 1_000;
const PACKED = /\.(js|css|html|svg|txt)$/;

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
  plugins: [licences(), preloads()],
  build: {
    outDir: out,
    emptyOutDir: true,
    target: ["chrome111", "firefox115", "safari16.4"],
    manifest: true,
    modulePreload: { polyfill: false },
    // The policy of its paths takes no data: for scripts and styles.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
});
await Promise.all((await filesBelow(out)).map(pack));

/** The libraries' licences ask to be kept in every copy. */
function licences(): Plugin {
  return {
    name: "licences",
    async generateBundle(_options, bundle) {
      const modules = Object.values(bundle).flatMap((one) => (one.type === "chunk" ? one.moduleIds : []));
      const inputs = modules
        .filter((id) => id.includes("/node_modules/") && !id.startsWith("\0"))
        .map((id) => relative(import.meta.dirname, id.replace(/\?.*$/, "")));
      const source = await licencesOf(import.meta.dirname, inputs);
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
