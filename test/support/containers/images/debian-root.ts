/**
 * Roots of images laid of Debian's packages without installing them: what apt says that some need, downloaded and unpacked.
 * What the packages' scripts would do is for whoever lays the root.
 */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";

const PACKAGES_AT_ONCE = 8;

/**
 * @param needed with all that they need, as on a machine on which nothing is installed
 * @param leftOut what of that is of no use here
 * @param alone without what they need
 */
export async function layPackages(
  root: string,
  { needed, leftOut, alone = [] }: { needed: readonly string[]; leftOut: RegExp; alone?: readonly string[] },
): Promise<void> {
  const packages = `${root}.packages`;
  await mkdir(packages);
  try {
    const apt = (...words: string[]) =>
      execa("apt-get", ["-q", ...words], { cwd: packages, stdin: "ignore" });
    const bare = ["-o", "Dir::State::status=/dev/null", "--no-install-recommends"];
    const { stdout } = await apt("-s", ...bare, "install", ...needed);
    const names = [...stdout.matchAll(/^Inst (\S+)/gm)].map(([, name = ""]) => name);
    const wanted = names.filter((name) => !leftOut.test(name));
    await apt("-o", "APT::Sandbox::User=root", "download", ...alone, ...wanted);
    const files = await readdir(packages);
    // The first makes the links of /bin and /lib, below which others put files.
    await unpack(files.find((file) => file.startsWith("base-files_")) ?? "", { packages, root });
    for (let at = 0; at < files.length; at += PACKAGES_AT_ONCE)
      await Promise.all(
        files.slice(at, at + PACKAGES_AT_ONCE).map((file) => unpack(file, { packages, root })),
      );
  } finally {
    await rm(packages, { recursive: true, force: true });
  }
}

async function unpack(file: string, { packages, root }: { packages: string; root: string }): Promise<void> {
  await execa("dpkg", ["-x", join(packages, file), root]);
}
