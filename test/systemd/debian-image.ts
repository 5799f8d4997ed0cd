/**
 * A bare Debian (or Ubuntu, where this machine is one) that boots systemd, as a Docker image: made by mmdebstrap from
 * the package sources of this machine, so that it needs no registry of images. It holds what a minimal installation
 * has and nothing of ours. How this machine reaches its package mirrors is copied at that time, into the image alone.
 */
import { createHash } from "node:crypto";
import { globSync } from "node:fs";
import { mkdtemp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseEnv } from "node:util";
import { execa } from "execa";

const REPOSITORY = "remotegpu-proof/debian";
const BUILD_MS = 900_000;
const PACKAGES = ["systemd-sysv", "dbus", "ca-certificates"];

/** These would change the kernel that all machines share, or take a terminal of this machine. */
const UNITS_OFF = [
  "systemd-modules-load.service",
  "systemd-sysctl.service",
  "systemd-binfmt.service",
  "systemd-remount-fs.service",
  "getty.target",
  "console-getty.service",
  "dev-hugepages.mount",
];

/**
 * Every start is another boot to whoever asks the kernel, as it would be on a machine of its own; and as there, a mount
 * is seen in the namespaces of units, without which none has credentials.
 */
const BOOT = `#!/bin/sh
set -eu
mkdir -p /run/boot
cat /proc/sys/kernel/random/uuid >/run/boot/id
mount --bind /run/boot/id /proc/sys/kernel/random/boot_id
mount --make-rshared /
exec /sbin/init
`;

/**
 * Returns the image's name; builds it unless Docker has it from an earlier time.
 * @param codename of another release of Debian, from the same mirrors
 */
export async function ensureDebianImage(codename?: string): Promise<string> {
  const sources = await packageSources();
  const recipe = await readFile(import.meta.filename, "utf8");
  const image = `${REPOSITORY}:${createHash("sha256")
    .update(recipe + sources.join() + (codename ?? ""))
    .digest("hex")
    .slice(0, 12)}`;
  const found = await execa("docker", ["image", "inspect", image], { reject: false });
  if (found.exitCode !== 0) await build(image, sources, codename);
  return image;
}

async function build(image: string, sources: string[], codename?: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "remotegpu-debian-"));
  try {
    const overlay = join(folder, "overlay");
    await layOut(overlay);
    const tar = join(folder, "root.tar");
    const own = await ownCodename();
    const release = codename ?? own;
    const used = release === own ? sources : await sourcesOf(release, { sources, own, folder });
    const hooks = [
      `--customize-hook=copy-in ${overlay}/etc ${overlay}/usr /`,
      `--customize-hook=chroot "$1" update-ca-certificates`,
      ...UNITS_OFF.map((unit) => `--customize-hook=ln -s /dev/null "$1/etc/systemd/system/${unit}"`),
    ];
    await execa(
      "mmdebstrap",
      ["--variant=minbase", `--include=${PACKAGES.join()}`, ...hooks, release, tar, ...used],
      { timeout: BUILD_MS, stderr: "inherit" },
    );
    const changes = ['CMD ["/usr/local/sbin/boot"]', "STOPSIGNAL SIGRTMIN+3", "ENV container=docker"];
    await execa("docker", ["import", ...changes.flatMap((change) => ["--change", change]), tar, image], {
      timeout: BUILD_MS,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function layOut(overlay: string): Promise<void> {
  const put = async (path: string, text: string | Buffer, mode = 0o644) => {
    await mkdir(join(overlay, path, ".."), { recursive: true });
    await writeFile(join(overlay, path), text, { mode });
  };
  await put("usr/local/sbin/boot", BOOT, 0o755);
  // The kernel's messages are this machine's.
  await put("etc/systemd/journald.conf.d/proof.conf", "[Journal]\nReadKMsg=no\nStorage=persistent\n");
  // Nothing here outlives a loss of power, and packages are installed several times as fast.
  await put("etc/dpkg/dpkg.cfg.d/proof", "force-unsafe-io\n");
  const { stdout: registry } = await execa("npm", ["config", "get", "registry"], { cwd: tmpdir() });
  await put("etc/npmrc", `registry=${registry}\ncafile=/etc/ssl/certs/ca-certificates.crt\n`);
  for (const file of globSync("/usr/local/share/ca-certificates/**/*.crt"))
    await put(`usr/local/share/ca-certificates/${basename(file)}`, await readFile(file));
}

/** Sources of this machine that are files of its own are of no use elsewhere. */
async function packageSources(): Promise<string[]> {
  const files = globSync("/etc/apt/{sources.list,sources.list.d/*.list,sources.list.d/*.sources}").toSorted();
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  return files.filter((_, at) => /https?:\/\//.test(texts[at] ?? ""));
}

/** The sources of this machine with the other release in its place. */
async function sourcesOf(
  release: string,
  { sources, own, folder }: { sources: string[]; own: string; folder: string },
): Promise<string[]> {
  return await Promise.all(
    sources.map(async (file) => {
      const copy = join(folder, basename(file));
      // Older releases have the same keys under another ending.
      const text = (await readFile(file, "utf8"))
        .replaceAll(own, release)
        .replaceAll(/keyring\.pgp$/gm, "keyring.gpg");
      await writeFile(copy, text);
      return copy;
    }),
  );
}

async function ownCodename(): Promise<string> {
  return parseEnv(await readFile("/etc/os-release", "utf8"))["VERSION_CODENAME"] ?? "stable";
}
