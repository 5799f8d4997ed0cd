/**
 * PyTorch as Debian packages it, with its own torchrun. Debian builds it without libuv, which the four places that begin a
 * store ask for all the same: there it is switched off, as the variable USE_LIBUV does elsewhere.
 */
import { readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { layPackages } from "./debian-root.ts";
import { importOnce } from "../docker.ts";

/** Named for the content of these lines: who changes one gives it another number. */
export const TORCH_IMAGE = "remotegpu-test/torch:1";

const NEEDED = ["bash", "coreutils", "python3-torch"];
/** Of their closure: installers, and what its tests need. */
const LEFT_OUT =
  /^(dpkg|tar|debconf|adduser|passwd|login\.defs|base-passwd|ca-certificates|openssl|libtorch-test|python3-(hypothesis|expecttest|numpy-dev)|libpam.*|libsystemd0|libdb5.*|libsemanage.*|libaudit.*)$/;
const UNUSED = ["usr/share/doc", "usr/share/man", "usr/share/locale", "usr/include"];

const LIBRARIES = "usr/lib/x86_64-linux-gnu";
const TORCH = "usr/lib/python3/dist-packages/torch/distributed";
/** Each with the argument behind which the one is put that switches it off. */
const NEEDS_LIBUV: readonly (readonly [file: string, behind: string])[] = [
  [`${TORCH}/elastic/rendezvous/static_tcp_rendezvous.py`, "multi_tenant=True,"],
  [`${TORCH}/elastic/rendezvous/dynamic_rendezvous.py`, "multi_tenant=True,"],
  [`${TORCH}/elastic/rendezvous/c10d_rendezvous_backend.py`, "multi_tenant=True,"],
  [`${TORCH}/rendezvous.py`, "is_master=False,"],
];

/** From the packages that apt knows of, 300 MB to fetch. */
export async function importTorchImage(): Promise<void> {
  await importOnce(TORCH_IMAGE, layTorchRoot, [
    "ENV PATH=/usr/local/bin:/usr/bin:/bin",
    "ENV USE_LIBUV=0",
    "ENV OMP_NUM_THREADS=1",
  ]);
}

async function layTorchRoot(root: string): Promise<void> {
  await layPackages(root, { needed: NEEDED, leftOut: LEFT_OUT });
  for (const folder of UNUSED) await rm(join(root, folder), { recursive: true, force: true });
  await symlink("bash", join(root, "usr/bin/sh"));
  for (const name of ["blas", "lapack"])
    await symlink(`${name}/lib${name}.so.3`, join(root, LIBRARIES, `lib${name}.so.3`));
  await writeFile(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/bash\n");
  await writeFile(join(root, "etc/group"), "root:x:0:\n");
  for (const [file, behind] of NEEDS_LIBUV) {
    const text = await readFile(join(root, file), "utf8");
    if (!text.includes(behind)) throw new Error(`${file} begins its store in another way than it did`);
    await writeFile(join(root, file), text.replace(behind, `${behind} use_libuv=False,`));
  }
}
