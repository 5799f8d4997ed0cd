/** A Podman of a test's own: service, storage and socket in a throwaway folder, with the busybox image. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Dockerode from "dockerode";
import { execa } from "execa";
import { docker, importBusyboxImage } from "./docker.ts";
import { eventually } from "../eventually.ts";

/** With its networks, which are packages of their own. */
export const hasPodman = [
  "/usr/bin/podman",
  "/usr/lib/podman/netavark",
  "/usr/lib/podman/aardvark-dns",
].every((path) => existsSync(path));

/** Debian's minimal installation has no nft, which is Podman's own choice, and our rules are iptables' as well. */
const SETTINGS = `[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
firewall_driver = "iptables"
`;

export type Podman = { socketPath: string; client: Dockerode; close: () => Promise<void> };

export async function startPodman(): Promise<Podman> {
  const hadChains = (await chainsIn("filter")).length > 0;
  const folder = await mkdtemp(join(tmpdir(), "rg-podman-"));
  const socketPath = join(folder, "podman.sock");
  const settings = join(folder, "containers.conf");
  await writeFile(settings, SETTINGS);
  const where = ["--root", join(folder, "root"), "--runroot", join(folder, "run"), "--storage-driver", "vfs"];
  const env = { ...process.env, CONTAINERS_CONF: settings };
  const service = spawn("podman", [...where, "system", "service", "--time=0", `unix://${socketPath}`], {
    env,
    // Its keepers of containers leave a note where they were started when one runs out of memory.
    cwd: folder,
    stdio: "ignore",
  });
  const close = async () => {
    await execa("podman", [...where, "rm", "--all", "--force", "--time=0"], { env, reject: false });
    const ended = service.exitCode !== null || service.signalCode !== null || once(service, "exit");
    service.kill();
    await ended;
    await execa("umount", ["-R", join(folder, "root", "vfs"), join(folder, "run")], { reject: false });
    await rm(folder, { recursive: true, force: true });
    if (!hadChains) for (const table of ["filter", "nat"]) await removeChains(table);
  };
  const client = new Dockerode({ socketPath });
  try {
    const image = await importBusyboxImage();
    await eventually(async () => (await client.ping()) !== undefined, { withinMs: 60_000, what: "podman" });
    // The image goes over as one layer, as it was made.
    const { id } = await docker.createContainer({ Image: image, Cmd: ["true"] });
    const root = await docker.getContainer(id).export();
    await finished(await client.importImage(root, { repo: image.split(":")[0], tag: image.split(":")[1] }));
    await docker.getContainer(id).remove();
  } catch (error) {
    await close();
    throw error;
  }
  return { socketPath, client, close };
}

async function finished(progress: NodeJS.ReadableStream): Promise<void> {
  for await (const _chunk of progress);
}

/** Podman's chains stay after its last network; they would be in the way of nobody, and yet they were not here before. */
async function removeChains(table: string): Promise<void> {
  const chains = await chainsIn(table);
  const { stdout } = await execa("iptables", ["-w", "5", "-t", table, "-S"]);
  const jumps = stdout
    .split("\n")
    .filter((line) => /^-A (?!NETAVARK)\S+ .*-j NETAVARK/.test(line))
    .map((line) => line.replace("-A", "-D"));
  const lines = [
    `*${table}`,
    ...jumps,
    ...chains.map((chain) => `-F ${chain}`),
    ...chains.map((chain) => `-X ${chain}`),
    "COMMIT",
    "",
  ];
  await execa("iptables-restore", ["-w", "5", "--noflush"], { input: lines.join("\n") });
}

async function chainsIn(table: string): Promise<string[]> {
  const { stdout } = await execa("iptables", ["-w", "5", "-t", table, "-S"]);
  return [...stdout.matchAll(/^-N (NETAVARK\S*)$/gm)].flatMap(([, chain = ""]) => [chain]);
}
