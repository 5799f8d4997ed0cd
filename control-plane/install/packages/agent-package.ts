/**
 * The package remotegpu-agent: the agent's release as a control plane hands it out. dpkg owns the release alone; the script
 * install.sh within it lays it below /opt/remotegpu and switches to it, as it does with one that it has downloaded.
 */
import { join } from "node:path";
import { execa } from "execa";
import type { Package } from "./deb.ts";
import { NODE_LIBRARIES } from "./command-package.ts";
import type { Release } from "./release.ts";
import { copyInto } from "./tree.ts";

const agent = join(import.meta.dirname, "../../../agent/install");
const NAME = "remotegpu-agent";
const BUILD_MS = 120_000;

export function agentPackage({ release }: Release): Package {
  return {
    name: NAME,
    description: {
      synopsis: "rent out a fleet of GPU hosts: the agent of a host",
      text: "It runs containers on the GPUs of its host and records what they used.\nContainers and connections to them outlive upgrades.",
    },
    depends: ["docker.io | docker-ce | podman", "curl", "iptables", "util-linux", ...NODE_LIBRARIES],
    recommends: ["apparmor", "iproute2"],
    scripts: ["postinst", "prerm", "postrm"].map((name) => join(agent, "package", name)),
    async layOut(tree) {
      const folder = join(tree, "usr/lib", NAME, "release");
      // The two packages of the repository never import each other.
      const builder = [join(agent, "build-bundle.ts"), "--release", release, "--out", folder];
      await execa(process.execPath, builder, { timeout: BUILD_MS });
      await copyInto(join(agent, "package", NAME), join(tree, "usr/bin", NAME), 0o755);
    },
  };
}
