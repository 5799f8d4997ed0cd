/** The package remotegpu: the command, and the Node that it and the control plane run on. */
import { join } from "node:path";
import { buildCli } from "../build-cli.ts";
import type { Package } from "./deb.ts";
import { copyInto, writeInto } from "./tree.ts";

const FILES = join(import.meta.dirname, "files");
export const PROGRAM_FOLDER = "usr/lib/remotegpu";
/** What Node itself is linked with. */
export const NODE_LIBRARIES = ["libc6 (>= 2.28)", "libgcc-s1", "libstdc++6"];

export const commandPackage: Package = {
  name: "remotegpu",
  description: {
    synopsis: "rent GPUs from a RemoteGPU fleet: the command",
    text: "It orders environments, training jobs and inference services, connects to them\nand verifies bills. It brings the Node that it runs on.",
  },
  depends: NODE_LIBRARIES,
  recommends: ["openssh-client", "ca-certificates"],
  scripts: [],
  async layOut(tree) {
    await copyInto(process.execPath, join(tree, PROGRAM_FOLDER, "node"), 0o755);
    await writeInto(join(tree, PROGRAM_FOLDER, "remotegpu.mjs"), await buildCli());
    await copyInto(join(FILES, "remotegpu"), join(tree, "usr/bin/remotegpu"), 0o755);
    await copyInto(join(process.execPath, "../../LICENSE"), join(tree, "usr/share/doc/remotegpu/copyright"));
  },
};
