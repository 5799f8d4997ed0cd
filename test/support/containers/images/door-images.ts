/**
 * Images that make it hard to enter them by SSH, one for each way that images are found to do so; made once per machine
 * from what it has: busybox, musl, and Debian's own programs with the libraries that they are linked with.
 */
import { execFileSync } from "node:child_process";
import { appendFile, chmod, copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { importOnce, layBusyboxRoot } from "../docker.ts";

const MUSL_SHELL = new URL("../../../fixtures/musl-shell.c", import.meta.url).pathname;
const MUSL_LIBRARY = "/usr/lib/x86_64-linux-musl/libc.so";
const MUSL_LOADER = "/lib/ld-musl-x86_64.so.1";
const DEBIAN_PROGRAMS =
  "bash cat chmod echo env head id ls mkdir rm sha256sum sleep stty tee tty uname".split(" ");

export type DoorImage = { image: string; what: string; shell: string };

/** Named for the content of these lines: who changes one gives it another number. */
const image = (name: string) => `remotegpu-test/door-${name}:1`;
const root = (line: string) => `root:x:0:0:root:/root:${line}\n`;

export const DOOR_IMAGES: readonly DoorImage[] = [
  { image: image("alone"), what: "busybox alone, with no other file", shell: "/.remotegpu/bin/sh" },
  { image: image("no-users"), what: "no /etc/passwd", shell: "/bin/sh" },
  { image: image("debian"), what: "Debian's programs", shell: "/bin/bash" },
  { image: image("musl"), what: "musl in the place of Debian's C library", shell: "/bin/musl-shell" },
  { image: image("user"), what: "a USER that is not root", shell: "/bin/sh" },
  { image: image("locked"), what: "root locked in /etc/shadow", shell: "/bin/sh" },
  { image: image("no-shell"), what: "a login shell that is missing", shell: "/bin/sh" },
  { image: image("no-login"), what: "a login shell that lets nobody in", shell: "/bin/sh" },
  { image: image("shut"), what: "an /etc that keeps everybody out and broken libraries", shell: "/bin/sh" },
];

/** Imports those that are not there. */
export async function importDoorImages(): Promise<void> {
  await importOnce(image("alone"), async (folder) => {
    await mkdir(join(folder, "bin"));
    await copyFile("/usr/bin/busybox", join(folder, "bin/busybox"));
  });
  await importBusyboxVariant("no-users", (folder) => rm(join(folder, "etc"), { recursive: true }));
  await importOnce(image("debian"), layDebianRoot);
  await importBusyboxVariant("musl", layMusl);
  await importBusyboxVariant("user", () => Promise.resolve(), ["USER 1000:1000"]);
  await importBusyboxVariant("locked", (folder) =>
    writeFile(join(folder, "etc/shadow"), "root:!*:1::::::\n"),
  );
  await importBusyboxVariant("no-shell", (folder) => writeFile(join(folder, "etc/passwd"), root("/bin/zsh")));
  await importBusyboxVariant("no-login", async (folder) => {
    await copyFile("/usr/bin/busybox", join(folder, "bin/nologin"));
    await writeFile(join(folder, "etc/passwd"), root("/bin/nologin"));
  });
  await importBusyboxVariant("shut", async (folder) => {
    await writeFile(join(folder, "etc/hosts.deny"), "ALL: ALL\n");
    await writeFile(join(folder, "etc/nologin"), "Go away.\n");
    await writeFile(join(folder, "etc/ld.so.preload"), "/lib/of-another-library.so\n");
    await writeFile(join(folder, "etc/nsswitch.conf"), "passwd: nothing\ngroup: nothing\nshadow: nothing\n");
    // Where a session's LD_LIBRARY_PATH leads to.
    await mkdir(join(folder, "lib"));
    for (const name of ["libc.so.6", "libcrypto.so.3"])
      await writeFile(join(folder, "lib", name), "broken\n");
    await mkdir(join(folder, "etc/ssh"));
    await writeFile(join(folder, "etc/ssh/sshd_config"), "DenyUsers root\n");
  });
}

async function importBusyboxVariant(
  name: string,
  change: (folder: string) => Promise<unknown>,
  settings: readonly string[] = [],
): Promise<void> {
  const lay = async (folder: string) => {
    await layBusyboxRoot(folder);
    await change(folder);
  };
  await importOnce(image(name), lay, settings);
}

async function layMusl(folder: string): Promise<void> {
  await mkdir(join(folder, "lib"));
  await copyFile(MUSL_LIBRARY, join(folder, MUSL_LOADER));
  const shell = join(folder, "bin/musl-shell");
  execFileSync("tcc", ["-nostdlib", "-o", shell, MUSL_SHELL, MUSL_LIBRARY]);
  execFileSync("patchelf", ["--set-interpreter", MUSL_LOADER, shell]);
  await writeFile(join(folder, "etc/passwd"), root("/bin/musl-shell"));
}

/** Its /etc/profile sets PATH anew, as Debian's does. */
async function layDebianRoot(folder: string): Promise<void> {
  for (const each of ["bin", "etc", "root", "tmp", "usr/bin", "run"])
    await mkdir(join(folder, each), { recursive: true });
  const files = new Set<string>();
  for (const name of DEBIAN_PROGRAMS) {
    await copyFile(join("/usr/bin", name), join(folder, "bin", name));
    const { stdout } = await execa("ldd", [join("/usr/bin", name)]);
    for (const [, path = ""] of stdout.matchAll(/(\/\S+) \(0x/g)) files.add(path);
  }
  for (const path of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await copyFile(path, join(folder, path));
    await chmod(join(folder, path), 0o755);
  }
  await copyFile(join(folder, "bin/bash"), join(folder, "bin/sh"));
  await writeFile(join(folder, "etc/passwd"), root("/bin/bash"));
  await appendFile(join(folder, "etc/passwd"), "sshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n");
  await writeFile(join(folder, "etc/group"), "root:x:0:\ntty:x:5:\n");
  await writeFile(join(folder, "etc/profile"), "PATH=/usr/bin:/bin\nexport PATH\n");
}
