/**
 * Makes the container image of the control plane from its Debian packages, which `npm run packages` has written:
 *
 *   node control-plane/install/image/build-image.ts [--packages FOLDER] [--tag NAME]
 *
 * Its root is Debian 13's, made by mmdebstrap from Debian's package mirrors, so no registry of images is needed. It runs
 * with a root that nobody can write and without root's rights: all that the server writes is in its state folder, a volume.
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { execa } from "execa";
import { debianPackagesOf } from "./debian-packages.ts";
import { imageConfiguration, USER_ID, USER_NAME } from "./image-configuration.ts";

const repository = join(import.meta.dirname, "../../..");
const RELEASE = "trixie";
const BUILD_MS = 900_000;
/** For TLS to Postgres, NATS and S3 stores whose certificates are of a public CA. */
const BESIDE = "ca-certificates";
/** Licences stay: they are why the rest may be handed on. */
const LEFT_OUT = ["/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*", "/usr/share/doc/*"];
const KEPT = ["/usr/share/doc/*/copyright"];

export class PackagesMissingError extends Error {
  override readonly name = "PackagesMissingError";
}

/** @returns the paths of the two packages, the one that the other depends on first */
async function packagesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return ["remotegpu_", "remotegpu-control-plane_"].map((beginning) => {
    const name = names.find((each) => each.startsWith(beginning) && each.endsWith(".deb"));
    if (name === undefined)
      throw new PackagesMissingError(`${folder} has no ${beginning}….deb; npm run packages makes it`);
    return join(folder, name);
  });
}

async function fieldOf(deb: string, field: string): Promise<string> {
  return (await execa("dpkg-deb", ["--field", deb, field])).stdout;
}

/** Makes the root, as a tar archive. */
async function makeRoot(tar: string, debs: readonly string[]): Promise<void> {
  const depends = await Promise.all(debs.map((deb) => fieldOf(deb, "Depends")));
  const home = "/var/lib/remotegpu-control-plane";
  const account = `--system --uid ${USER_ID} --user-group --no-create-home --home-dir ${home} --shell /usr/sbin/nologin`;
  const hooks = [
    `mkdir "$1/packages" && cp ${debs.map((deb) => `'${deb}'`).join(" ")} "$1/packages/"`,
    `chroot "$1" sh -c 'dpkg --install /packages/*.deb' && rm -r "$1/packages"`,
    `chroot "$1" useradd ${account} ${USER_NAME}`,
    `chroot "$1" install -d -m 0700 -o ${USER_NAME} -g ${USER_NAME} ${home}`,
    `rm -rf "$1"/var/cache/* "$1"/var/log/* "$1"/var/lib/apt`,
  ];
  await execa(
    "mmdebstrap",
    [
      "--variant=essential",
      `--include=${[...debianPackagesOf(depends), BESIDE].join()}`,
      ...LEFT_OUT.map((path) => `--dpkgopt=path-exclude=${path}`),
      ...KEPT.map((path) => `--dpkgopt=path-include=${path}`),
      ...hooks.map((hook) => `--customize-hook=${hook}`),
      RELEASE,
      tar,
    ],
    { timeout: BUILD_MS, stderr: "inherit" },
  );
}

/** @returns the image's name */
async function buildImage({ folder, tag }: { folder: string; tag: string | undefined }): Promise<string> {
  const debs = await packagesIn(folder);
  const [command = ""] = debs;
  // A tag may hold no plus sign.
  const image = tag ?? `remotegpu-control-plane:${(await fieldOf(command, "Version")).replaceAll("+", "-")}`;
  const scratch = await mkdtemp(join(tmpdir(), "remotegpu-image-"));
  try {
    const tar = join(scratch, "root.tar");
    await makeRoot(tar, debs);
    const changes = imageConfiguration.flatMap((change) => ["--change", change]);
    await execa("docker", ["import", ...changes, tar, image], { timeout: BUILD_MS });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return image;
}

const { values } = parseArgs({ options: { packages: { type: "string" }, tag: { type: "string" } } });
const folder = values.packages ?? join(repository, "dist/packages");
console.log(await buildImage({ folder, tag: values.tag }));
