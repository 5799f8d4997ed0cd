/**
 * Images without a registry, and the runtime's leftovers cleared. The images are made from the machine's static
 * busybox, once per machine.
 */
import { mkdtemp, mkdir, copyFile, symlink, writeFile, chmod, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Dockerode from "dockerode";
import { execa } from "execa";
import { HostId } from "@remotegpu/shared/values/ids";
import { eventually } from "../eventually.ts";
import { BUSYBOX_IMAGE } from "../samples/desired-instance.ts";
import { ownedName } from "./owned-name.ts";

/** A root with one unrelated file: no shell, no command at all. */
export const EMPTY_IMAGE = "remotegpu-test/empty:1";

export const docker = new Dockerode({ socketPath: "/var/run/docker.sock" });

/** Imports the image unless it is there. */
export async function importBusyboxImage(): Promise<string> {
  await importOnce(BUSYBOX_IMAGE, layBusyboxRoot);
  return BUSYBOX_IMAGE;
}

/** Busybox under every applet's name, users and /tmp. */
export async function layBusyboxRoot(root: string): Promise<void> {
  for (const folder of ["bin", "etc", "root", "usr/bin"])
    await mkdir(join(root, folder), { recursive: true });
  await mkdir(join(root, "tmp"));
  await chmod(join(root, "tmp"), 0o1777);
  await copyFile("/usr/bin/busybox", join(root, "bin/busybox"));
  const { stdout } = await execa("/usr/bin/busybox", ["--list"]);
  for (const applet of stdout.split("\n").filter((name) => name !== "busybox"))
    await symlink("busybox", join(root, "bin", applet));
  await writeFile(
    join(root, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/tmp:/bin/sh\n",
  );
  await writeFile(join(root, "etc/group"), "root:x:0:\nuser:x:1000:\n");
}

export async function importEmptyImage(): Promise<string> {
  await importOnce(EMPTY_IMAGE, (root) => writeFile(join(root, "only-file"), "nothing to run here\n"));
  return EMPTY_IMAGE;
}

/** Everything that carries a host id's label: containers, volumes, networks. */
export async function removeLabelled(hostId: string): Promise<void> {
  const filters = JSON.stringify({ label: [`remotegpu.host=${hostId}`] });
  for (const { Id } of await docker.listContainers({ all: true, filters }))
    await docker.getContainer(Id).remove({ force: true, v: true });
  for (const { Name } of (await docker.listVolumes({ filters })).Volumes ?? [])
    await docker.getVolume(Name).remove();
  for (const { Id } of await docker.listNetworks({ filters })) await docker.getNetwork(Id).remove();
}

/** Whatever the agent can reach of the runtime. @returns its exit code */
export async function runInside(containerId: string, argv: readonly string[]): Promise<number> {
  const exec = await docker.getContainer(containerId).exec({ Cmd: [...argv], AttachStdout: true });
  const output = await exec.start({});
  output.resume();
  // One that has not begun yet does not run either.
  const ended = async () => (await exec.inspect()).ExitCode !== null;
  await eventually(ended, { what: argv.join(" ") });
  return Number((await exec.inspect()).ExitCode);
}

export function newHostId(): HostId {
  return HostId.parse(ownedName("host") + Math.random().toString(36).slice(2, 10));
}

/** @param changes of the image's settings, as a Dockerfile says them */
export async function importOnce(
  image: string,
  fill: (root: string) => Promise<void>,
  changes: readonly string[] = [],
): Promise<void> {
  if (await isHere(image)) return;
  const root = await mkdtemp(join(tmpdir(), "rg-image-"));
  await mkdir(join(root, "root"));
  try {
    await fill(join(root, "root"));
    await execa("tar", ["-C", join(root, "root"), "-c", "-f", join(root, "image.tar"), "."]);
    const changed = changes.flatMap((change) => ["--change", change]);
    await execa("docker", ["import", ...changed, join(root, "image.tar"), image]);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function isHere(image: string): Promise<boolean> {
  try {
    await docker.getImage(image).inspect();
    return true;
  } catch (error) {
    if (error instanceof Error && "statusCode" in error && error.statusCode === 404) return false;
    throw error;
  }
}
