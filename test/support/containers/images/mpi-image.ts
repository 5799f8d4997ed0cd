/** Open MPI as Debian packages it, with its binding for Python, as a user who is not root; it has no SSH, neither side of it. */
import { rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { layPackages } from "./debian-root.ts";
import { importOnce } from "../docker.ts";

/** Named for the content of these lines: who changes one gives it another number. */
export const MPI_IMAGE = "remotegpu-test/mpi:1";

const NEEDED = ["bash", "coreutils", "hostname", "openmpi-bin", "python3-mpi4py"];
/** Of their closure: installers, SSH, and what plug-ins for graphics cards and their tools need. */
const LEFT_OUT =
  /^(dpkg|tar|mawk|debconf|debianutils|init-system-helpers|adduser|passwd|login\.defs|tzdata|openssh.*|openssl.*|libpam.*|libsystemd0|libdb5.*|libsemanage.*|libsepol2|libaudit.*|libdebconf.*|libfido2-1|libcbor.*|libedit2|libfuse3.*|libllvm.*|libz3-4|libamd.*|libhs.*|libx11.*|libxcb1|libxext6|libxnvctrl0|libxau6|libxdmcp6|libze1|ocl-icd.*|libhwloc-plugins)$/;
const UNUSED = ["usr/share/doc", "usr/share/man", "usr/share/locale", "usr/include"];

/** From the packages that apt knows of, 30 MB to fetch. */
export async function importMpiImage(): Promise<void> {
  await importOnce(MPI_IMAGE, layMpiRoot, ["USER 1000:1000", "ENV PATH=/usr/local/bin:/usr/bin:/bin"]);
}

async function layMpiRoot(root: string): Promise<void> {
  await layPackages(root, { needed: NEEDED, leftOut: LEFT_OUT });
  for (const folder of UNUSED) await rm(join(root, folder), { recursive: true, force: true });
  for (const [name, program] of [
    ["sh", "bash"],
    ["mpirun", "mpirun.openmpi"],
  ] as const)
    await symlink(program, join(root, "usr/bin", name));
  await writeFile(
    join(root, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/bash\nuser:x:1000:1000:user:/tmp:/bin/bash\n",
  );
}
