/**
 * Makes the one file that /cli/remotegpu.mjs hands out: the command with the libraries that it needs and their licences,
 * nothing of the server, for any Node from 20 on. It goes to standard output; the same sources make the same file.
 *
 *   node control-plane/install/build-cli.ts > remotegpu.mjs
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { build, transform, type Plugin } from "esbuild";
import { VERSION } from "../server/release/version.ts";
import { licencesOf } from "./licences.ts";

const packageFolder = join(import.meta.dirname, "..");

/** @returns the file's text */
export async function buildCli(): Promise<string> {
  const { code, licences } = await commandCode();
  // Of a script's own names none may be seen by another, so it is one function.
  const command = `(function (require) {${code}\n})`;
  const launcher = await transform(await readFile(join(import.meta.dirname, "cli-launcher.ts"), "utf8"), {
    loader: "ts",
    format: "iife",
    // Older ones have to understand it as far as the sentence that they are too old.
    target: "node14",
    minify: true,
    charset: "utf8",
    define: {
      COMMAND: JSON.stringify(command),
      COMMAND_HASH: JSON.stringify(createHash("sha256").update(command).digest("hex")),
    },
  });
  return `#!/usr/bin/env node\n// remotegpu ${VERSION}\n${launcher.code}${licences}`;
}

async function commandCode(): Promise<{ code: string; licences: string }> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: packageFolder,
    entryPoints: ["cli/main.ts"],
    bundle: true,
    write: false,
    platform: "node",
    format: "cjs",
    minify: true,
    charset: "utf8",
    legalComments: "none",
    logLevel: "error",
    target: "node20",
    // A script has `require` for both: a dynamic import of node:http would load all that stands behind fetch.
    supported: { "dynamic-import": false },
    metafile: true,
    plugins: [loadedWhenCalled, englishAlone],
  });
  return {
    code: outputFiles[0]?.text ?? "",
    licences: await licencesOf(packageFolder, Object.keys(metafile.inputs)),
  };
}

/** What few commands call, though all of them import it: its loading is a good part of the time of any other. */
const WHEN_CALLED: Record<string, Record<string, string>> = {
  "node:child_process": {
    execFileSync: 'require("node:child_process").execFileSync(...words)',
    spawn: 'require("node:child_process").spawn(...words)',
  },
  "node:crypto": {
    createHash: 'require("node:crypto").createHash(...words)',
    createPublicKey: 'require("node:crypto").createPublicKey(...words)',
    verify: 'require("node:crypto").verify(...words)',
    randomBytes: 'require("node:crypto").randomBytes(...words)',
    randomFillSync: 'require("node:crypto").randomFillSync(...words)',
    // Before Node 20.12 it has no name of its own there.
    hash: 'require("node:crypto").createHash(words[0]).update(words[1]).digest(words[2])',
  },
};

/** A name that is not in the table fails the build. */
const loadedWhenCalled: Plugin = {
  name: "loaded when called",
  setup(bundler) {
    const namespace = "when-called";
    bundler.onResolve({ filter: /^(node:)?(child_process|crypto)$/ }, ({ path, namespace: from }) =>
      from === namespace
        ? { path, external: true }
        : { path: path.startsWith("node:") ? path : `node:${path}`, namespace },
    );
    bundler.onLoad({ filter: /.*/, namespace }, ({ path }) => {
      const calls = Object.entries(WHEN_CALLED[path] ?? {});
      const functions = calls.map(([name, call]) => `export const ${name} = (...words) => ${call};`);
      const all = `export default { ${calls.map(([name]) => name).join(", ")} };`;
      return { contents: [...functions, all].join("\n") };
    });
  },
};

/** zod's sentences of other languages are as large as all else together, and nobody is told any of them. */
const englishAlone: Plugin = {
  name: "English alone",
  setup(bundler) {
    bundler.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: 'export { default as en } from "./en.js";',
      resolveDir: join(packageFolder, "node_modules/zod/v4/locales"),
    }));
  },
};

if (import.meta.main) process.stdout.write(await buildCli());
