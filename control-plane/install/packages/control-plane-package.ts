/**
 * The package remotegpu-control-plane: server, gateway, dashboard, pages, migrations and files for Prometheus and Grafana,
 * the embedded Postgres, the packages that it hands out, and its units.
 */
import { readFile, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { execa } from "execa";
import { z } from "zod";
import { programFiles } from "../../server/installation/program-files.ts";
import { NODE_LIBRARIES, PROGRAM_FOLDER } from "./command-package.ts";
import { writeSums, type Package } from "./deb.ts";
import type { Release } from "./release.ts";
import { bundleServer } from "./server-bundle.ts";
import { copyFolderInto, copyInto, writeInto } from "./tree.ts";

const controlPlane = join(import.meta.dirname, "../..");
const FILES = join(import.meta.dirname, "files");
const NAME = "remotegpu-control-plane";
/** Those that run the program, and the timer of one of them. */
export const SERVICES = [
  "remotegpu-control-plane.service",
  "remotegpu-gateway.service",
  "remotegpu-backup.service",
];
const TIMER = "remotegpu-backup.timer";
const CHECKOUT = "/opt/remotegpu-control-plane";
const INSTALLED = `/${PROGRAM_FOLDER}/control-plane`;
const TerminalFiles = z.object({ script: z.string(), style: z.string() });

/** @param handedOut packages in the folder of `folder` that a server hands out to hosts and customers */
export function controlPlanePackage(
  { version }: Release,
  { folder, handedOut }: { folder: string; handedOut: readonly string[] },
): Package {
  return {
    name: NAME,
    description: {
      synopsis: "rent out a fleet of GPU hosts: the control plane",
      text: "It takes orders, places them on hosts and charges for them, and serves the API,\nthe dashboard and the gateway. It needs Postgres and NATS, or brings a Postgres\nof its own and starts the nats-server that is installed.",
    },
    depends: [`remotegpu (= ${version})`, "passwd", ...NODE_LIBRARIES],
    recommends: ["nats-server", "ca-certificates"],
    scripts: ["postinst", "prerm", "postrm"].map((name) => join(FILES, "control-plane", name)),
    async layOut(tree) {
      const program = join(tree, PROGRAM_FOLDER, "control-plane");
      const licences = await bundleServer(program);
      await writeInto(join(tree, "usr/share/doc", NAME, "copyright"), licences);
      await layFiles(program);
      for (const file of handedOut) await copyInto(join(folder, file), join(program, "packages", file));
      await writeSums(join(program, "packages"));
      await copyInto(join(FILES, NAME), join(tree, "usr/bin", NAME), 0o755);
      const units = join(tree, "usr/lib/systemd/system");
      for (const unit of SERVICES) await writeInto(join(units, unit), await packagedUnit(unit));
      await copyInto(join(controlPlane, "systemd", TIMER), join(units, TIMER));
    },
  };
}

async function layFiles(program: string): Promise<void> {
  for (const name of ["migrations", "docs", "monitoring"])
    await copyFolderInto(join(controlPlane, name), join(program, name));
  const postgres = programFiles.postgres();
  await copyFolderInto(postgres, join(program, "postgres"), (path) => isForServing(relative(postgres, path)));
  await rm(join(program, "postgres/pg-symlinks.json"), { force: true });
  await execa(process.execPath, [
    join(controlPlane, "dashboard/build.ts"),
    "--out",
    join(program, "dashboard"),
  ]);
  const builder = join(controlPlane, "install/build-terminal-page.ts");
  const { stdout } = await execa(process.execPath, [builder]);
  const { script, style } = TerminalFiles.parse(JSON.parse(stdout));
  await writeInto(join(program, "terminal/terminal.js"), script);
  await writeInto(join(program, "terminal/terminal.css"), style);
  await copyInto(programFiles.terminalPage, join(program, "terminal/page.html"));
}

/** What only a compiler of extensions reads stays out, and languages for functions, whose interpreters are not here. */
function isForServing(path: string): boolean {
  return !/\.a$|(^|\/)(pkgconfig|pgxs|include)(\/|$)|plperl|plpython|pltcl/.test(path);
}

/** A unit for a checkout, with the program where the package has it. @throws Error where the unit names it otherwise */
export async function packagedUnit(name: string): Promise<string> {
  const text = await readFile(join(controlPlane, "systemd", name), "utf8");
  const unit = text
    .replaceAll(`${CHECKOUT}/control-plane/bin/remotegpu-control-plane`, "/usr/bin/remotegpu-control-plane")
    .replaceAll(`WorkingDirectory=${CHECKOUT}`, `WorkingDirectory=${INSTALLED}`)
    .replace(`from a checkout in ${CHECKOUT}`, "from its package");
  if (unit.includes(CHECKOUT) || !unit.includes("/usr/bin/remotegpu-control-plane"))
    throw new Error(`${name} names its program otherwise than control-plane-package.ts expects`);
  return unit;
}
