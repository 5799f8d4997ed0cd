/** The product's Debian packages, built here and brought to machines of a story. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { Installation } from "./control-plane-machine.ts";
import type { Machine } from "./machine.ts";

const BUILDER = new URL("../../control-plane/install/packages/build-packages.ts", import.meta.url).pathname;
/** A minute alone; where others work on the same cores several. */
const BUILD_MS = 600_000;
const INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends";

/** The image that environments of a story run, and the command that makes it of a host's own busybox. */
export const IMAGE = "proof/busybox:1";
export const MAKE_IMAGE = `mkdir -p image/bin image/tmp && cp /usr/bin/busybox image/bin/ && \
  for each in $(busybox --list); do [ $each = busybox ] || ln -s busybox image/bin/$each; done && \
  tar --create --directory=image . | docker import - ${IMAGE}`;

export class BuiltPackages {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async build(): Promise<BuiltPackages> {
    const folder = await mkdtemp(join(tmpdir(), "remotegpu-built-"));
    await execa(process.execPath, [BUILDER, "--out", folder], { timeout: BUILD_MS });
    return new BuiltPackages(folder);
  }

  /** A control plane from its packages. @param extra packages of Debian that the story needs there */
  controlPlane(extra: readonly string[] = []): Installation {
    return {
      packages: ["curl", "iproute2", ...extra],
      install: async (machine) => {
        await this.#bring(machine, "/root/built");
        await machine.run(`${INSTALL} ./remotegpu_*.deb ./remotegpu-control-plane_*.deb`, {
          folder: "/root/built",
        });
      },
      prefix: "",
      folder: "/",
      enableUnit: "systemctl enable --now remotegpu-control-plane",
    };
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #bring(machine: Machine, to: string): Promise<void> {
    await machine.bring(await readdir(this.#folder), { from: this.#folder, to });
  }
}
