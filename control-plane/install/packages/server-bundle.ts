/** The server and its commands as modules that need no node_modules, with the licences of the libraries within. */
import { join } from "node:path";
import { build } from "esbuild";
import { licencesOf } from "../licences.ts";

const packageFolder = join(import.meta.dirname, "../..");

/** @returns the licences */
export async function bundleServer(outdir: string): Promise<string> {
  const { metafile } = await build({
    absWorkingDir: packageFolder,
    entryPoints: { server: "server/main.ts" },
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    // What only the running server needs is loaded by that command alone, as from sources.
    splitting: true,
    chunkNames: "part-[hash]",
    platform: "node",
    format: "esm",
    target: "node24",
    charset: "utf8",
    legalComments: "none",
    logLevel: "error",
    metafile: true,
    // Optional parts of ssh2 and pg that are not installed.
    external: ["cpu-features", "pg-native", "./crypto/build/Release/sshcrypto.node"],
    banner: {
      js: [
        `import { createRequire as createBundleRequire } from "node:module";`,
        `const require = createBundleRequire(import.meta.url);`,
        `const __filename = import.meta.filename, __dirname = import.meta.dirname;`,
      ].join(" "),
    },
  });
  return await licencesOf(packageFolder, Object.keys(metafile.inputs));
}
