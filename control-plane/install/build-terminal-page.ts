/**
 * Makes the script and the style of the terminal's page, with the libraries that they need and their licences, as JSON on
 * standard output; the same sources make the same files.
 *
 *   node control-plane/install/build-terminal-page.ts
 */
import { join } from "node:path";
import { build } from "esbuild";
import { licencesOf } from "./licences.ts";

const packageFolder = join(import.meta.dirname, "..");

const { outputFiles, metafile } = await build({
  absWorkingDir: packageFolder,
  entryPoints: [
    { in: "gateway/terminal/page/main.ts", out: "terminal" },
    { in: "gateway/terminal/page/page.css", out: "terminal" },
  ],
  outdir: "terminal-page",
  bundle: true,
  write: false,
  platform: "browser",
  format: "iife",
  minify: true,
  charset: "utf8",
  legalComments: "none",
  logLevel: "error",
  target: ["chrome110", "firefox115", "safari16"],
  metafile: true,
});
const licences = await licencesOf(packageFolder, Object.keys(metafile.inputs));
const textOf = (ending: string) => outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? "";
process.stdout.write(
  JSON.stringify({ script: `${textOf(".js")}${licences}`, style: `${textOf(".css")}${licences}` }),
);
