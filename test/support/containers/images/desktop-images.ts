/**
 * An image that serves RDP: xrdp as Debian packages it with what it needs to be logged in at, and no desktop behind it. Its
 * root has a password that a person chose, which is to open nothing. One with a desktop is made by the recipe
 * (agent/install/build-desktop-image.sh), which takes a minute.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { importOnce } from "../docker.ts";
import { layPackages } from "./debian-root.ts";

/** Named for the content of these lines: who changes one gives it another number. */
export const XRDP_IMAGE = "remotegpu-test/xrdp:1";
export const CHOSEN_PASSWORD = "chosen-by-a-person";

/** What installs and is never run here. */
const LEFT_OUT =
  /^(debconf|libdebconfclient0|init-system-helpers|sysvinit-utils|adduser|ssl-cert|gcc-14-base)$/;
/** As pam-auth-update writes them where there are users of the machine alone. */
const PAM = {
  "common-auth": "auth required pam_unix.so\n",
  "common-account": "account required pam_unix.so\n",
  "common-password": "password required pam_unix.so\n",
  "common-session": "session required pam_unix.so\n",
};

/** From the packages that apt knows of; some seconds where it is not there. */
export async function importXrdpImage(): Promise<void> {
  await importOnce(XRDP_IMAGE, async (root) => {
    await layPackages(root, { needed: ["xrdp", "base-files", "dash"], leftOut: LEFT_OUT });
    for (const folder of ["etc/pam.d", "run", "tmp", "root", "var/log"])
      await mkdir(join(root, folder), { recursive: true });
    for (const [name, text] of Object.entries(PAM)) await writeFile(join(root, "etc/pam.d", name), text);
    await writeFile(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
    await writeFile(join(root, "etc/group"), "root:x:0:\n");
    const { stdout: hash } = await execa("openssl", ["passwd", "-6", CHOSEN_PASSWORD]);
    await writeFile(join(root, "etc/shadow"), `root:${hash}:20000:0:99999:7:::\n`, { mode: 0o600 });
  });
}
