/**
 * An image without a registry: Debian's static busybox and a few files, packed and imported into the runtime. Enough
 * for a first environment; a real fleet offers real images.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { StartError } from "./start-error.ts";

export const STARTER_IMAGE = "remotegpu-starter:1";

const IMPORT_MS = 60_000;
const BUSYBOX = ["/usr/bin/busybox", "/bin/busybox"];

/** Returns whether the image had to be made (and so may be removed again by who made it). */
export async function ensureStarterImage(): Promise<boolean> {
  const found = await execa("docker", ["image", "inspect", STARTER_IMAGE], {
    reject: false,
    timeout: IMPORT_MS,
  });
  if (found.exitCode === 0) return false;

  const busybox = BUSYBOX.find((candidate) => existsSync(candidate));
  if (busybox === undefined) throw new StartError("There is no static busybox here: install busybox-static.");
  const root = mkdtempSync(join(tmpdir(), "remotegpu-image-"));
  try {
    await layOutRoot(root, busybox);
    await execa("tar", ["-C", root, "-c", "."], {
      timeout: IMPORT_MS,
      encoding: "buffer",
      maxBuffer: 64 * 2 ** 20,
    }).pipe(
      "docker",
      [
        "import",
        "--change",
        'CMD ["/bin/sh"]',
        "--change",
        "ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        "-",
        STARTER_IMAGE,
      ],
      { timeout: IMPORT_MS },
    );
  } catch (cause) {
    throw new StartError(`The first image cannot be imported into the container runtime: ${String(cause)}`, {
      cause,
    });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return true;
}

export async function removeStarterImage(): Promise<void> {
  await execa("docker", ["image", "rm", STARTER_IMAGE], { reject: false, timeout: IMPORT_MS });
}

async function layOutRoot(root: string, busybox: string): Promise<void> {
  for (const folder of [
    "bin",
    "sbin",
    "usr/bin",
    "usr/sbin",
    "etc",
    "root",
    "tmp",
    "var/tmp",
    "proc",
    "sys",
    "dev",
    "home",
  ])
    mkdirSync(join(root, folder), { recursive: true });
  for (const folder of ["tmp", "var/tmp"]) chmodSync(join(root, folder), 0o1777);
  copyFileSync(busybox, join(root, "bin/busybox"));
  chmodSync(join(root, "bin/busybox"), 0o755);
  const { stdout } = await execa(busybox, ["--list"]);
  for (const applet of stdout.split("\n").filter((name) => name !== "" && name !== "busybox"))
    symlinkSync("busybox", join(root, "bin", applet));
  writeFileSync(
    join(root, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
  );
  writeFileSync(join(root, "etc/group"), "root:x:0:\nnogroup:x:65534:\n");
}
