/**
 * Reads the versions of what this host runs containers with, of the programs that run now rather than of those that
 * would be found by their names. What cannot be found out is null or left out. Only a package manager that does not answer fails it: what is
 * unknown for that moment would else count as known to be no package's.
 */
import { access, constants, realpath } from "node:fs/promises";
import { release } from "node:os";
import { join } from "node:path";
import {
  type ComponentVersion,
  type HostVersions,
  MAX_VERSION_TEXT,
  type VersionedComponent,
} from "@remotegpu/shared/messages/host-versions";
import { parseOsRelease } from "../../core/versions/os-release.ts";
import { parseDriverVersion, parseProgramVersion } from "../../core/versions/program-version.ts";
import {
  containerdOf,
  daemonOf,
  runcProgram,
  type RunningProgram,
  searchPath,
  socketInode,
} from "../../core/versions/running-program.ts";
import { HostCommand } from "../host-command.ts";
import { PACKAGE_TOOLS, Packages, type PackageTools } from "./packages.ts";
import { holdsSocket, runningPrograms, textAt } from "./running-programs.ts";

const VERSION_DEADLINE_MS = 5_000;
const MAX_VERSION_BYTES = 16 * 1024;

/** What of the toolkit is there, the one that starts with a container first. */
const TOOLKIT_PROGRAMS = [
  "nvidia-cdi-hook",
  "nvidia-ctk",
  "nvidia-container-runtime-hook",
  "nvidia-container-cli",
];
/** Of these a changelog says something that is judged. */
const WITH_CHANGELOG: ReadonlySet<string> = new Set(["docker", "runc", "nvidia-container-toolkit"]);

/** The container runtime as it says itself. */
export type RuntimeProgram = {
  /** "docker", or what else the engine calls itself. */
  name: string;
  version: string;
  /** What it starts containers with by default. */
  ociRuntime: { name: string; path: string | null };
  socketPath: string;
};

/** Where things are; others for tests. */
export type VersionPlaces = { proc: string; root: string; kernel: string; tools: PackageTools };
export const VERSION_PLACES: VersionPlaces = {
  proc: "/proc",
  root: "/",
  kernel: release(),
  tools: PACKAGE_TOOLS,
};

/** A program that was found, before it is known whose file it is. */
type Found = {
  component: VersionedComponent;
  version: string | null;
  /** Null where there is no file to ask about. */
  path: string | null;
  isReplaced: boolean;
};

/** @throws PackageManagerError */
export async function readHostVersions(
  runtime: RuntimeProgram,
  places: VersionPlaces = VERSION_PLACES,
): Promise<HostVersions> {
  const packages = new Packages(places.tools);
  const found = await findAll(runtime, places);
  const owners = await packages.owning(found.flatMap(({ path }) => path ?? []));
  const components: ComponentVersion[] = [];
  for (const { path, component, ...rest } of found) {
    const owner = path === null ? null : (owners.get(path) ?? null);
    const mentioned =
      owner === null || !WITH_CHANGELOG.has(component) ? [] : await packages.mentionedCves(owner);
    components.push({ component, ...rest, package: owner, mentionedCves: mentioned });
  }
  return { distribution: await distributionOf(places.root), components };
}

async function distributionOf(root: string): Promise<HostVersions["distribution"]> {
  const text =
    (await textAt(join(root, "etc/os-release"))) ?? (await textAt(join(root, "usr/lib/os-release")));
  return parseOsRelease(text ?? "");
}

async function findAll(runtime: RuntimeProgram, places: VersionPlaces): Promise<Found[]> {
  const { proc } = places;
  const running = await runningPrograms(["dockerd", "containerd"], proc);
  const daemons = running.get("dockerd") ?? [];
  const daemon = runtime.name === "docker" ? await ourDaemon(daemons, runtime.socketPath, proc) : null;
  const containerd = containerdOf(running.get("containerd") ?? [], daemon, daemons);
  const folders = await foldersOf(containerd ?? daemon, proc);
  const found = [
    ...dockerOf(runtime, daemon),
    ...(await containerdVersion(containerd, proc)),
    ...(await runcOf(runtime, folders)),
    ...(await toolkitOf(folders)),
    ...(await driverOf(proc)),
    ...(await kernelOf(places)),
  ];
  return await Promise.all(found.map(async (one) => ({ ...one, path: one.path && (await whole(one.path)) })));
}

/** As the package has it, which knows of no links. */
async function whole(path: string): Promise<string> {
  return await realpath(path).catch(() => path);
}

async function ourDaemon(
  daemons: readonly RunningProgram[],
  socketPath: string,
  proc: string,
): Promise<RunningProgram | null> {
  const sockets = (await textAt(join(proc, "net/unix"))) ?? "";
  const inode = socketInode(sockets, socketPath) ?? socketInode(sockets, await whole(socketPath));
  if (inode === null) return daemonOf(daemons, null);
  const holding = new Set<number>();
  for (const { pid } of daemons) if (await holdsSocket(pid, inode, proc)) holding.add(pid);
  return daemonOf(daemons, ({ pid }) => holding.has(pid));
}

/** Where it searches for what it starts. */
async function foldersOf(program: RunningProgram | null, proc: string): Promise<string[]> {
  const environment = program === null ? null : await textAt(join(proc, String(program.pid), "environ"));
  return searchPath(environment ?? "");
}

/** The runtime that answers names its version itself, whatever has become of its file. */
function dockerOf({ name, version }: RuntimeProgram, daemon: RunningProgram | null): Found[] {
  if (name !== "docker") return [];
  const { path = null, isReplaced = false } = daemon ?? {};
  return [{ component: "docker", version: version.slice(0, MAX_VERSION_TEXT), path, isReplaced }];
}

/** Its own file answers, though it may be gone from its folder. */
async function containerdVersion(program: RunningProgram | null, proc: string): Promise<Found[]> {
  if (program === null) return [];
  const { path, isReplaced, pid } = program;
  const version = await versionOf(join(proc, String(pid), "exe"));
  return [{ component: "containerd", version, path, isReplaced }];
}

async function runcOf({ ociRuntime }: RuntimeProgram, folders: readonly string[]): Promise<Found[]> {
  const program = runcProgram(ociRuntime);
  if (program === null) return [];
  const path = await located(program, folders);
  const version = path === null ? null : await versionOf(path);
  return [{ component: "runc", version, path, isReplaced: false }];
}

async function toolkitOf(folders: readonly string[]): Promise<Found[]> {
  for (const name of TOOLKIT_PROGRAMS) {
    const path = await located(name, folders);
    if (path === null) continue;
    const version = await versionOf(path);
    return [{ component: "nvidia-container-toolkit", version, path, isReplaced: false }];
  }
  return [];
}

/** Of the module that is loaded; its file on the disk may be another one by now. */
async function driverOf(proc: string): Promise<Found[]> {
  const text = await textAt(join(proc, "driver/nvidia/version"));
  const version = text === null ? null : parseDriverVersion(text);
  return text === null ? [] : [{ component: "nvidia-driver", version, path: null, isReplaced: false }];
}

async function kernelOf({ root, kernel }: VersionPlaces): Promise<Found[]> {
  const image = join(root, "boot", `vmlinuz-${kernel}`);
  const path = await access(image).then(
    () => image,
    () => null,
  );
  return [{ component: "kernel", version: kernel.slice(0, MAX_VERSION_TEXT), path, isReplaced: false }];
}

/** A path as it is; a name in the first folder that has a program so called. Null where there is none. */
async function located(program: string, folders: readonly string[]): Promise<string | null> {
  const candidates = program.includes("/") ? [program] : folders.map((folder) => join(folder, program));
  for (const candidate of candidates) {
    const isProgram = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isProgram) return candidate;
  }
  return null;
}

async function versionOf(path: string): Promise<string | null> {
  const command = new HostCommand({ path, maxOutputBytes: MAX_VERSION_BYTES, environment: { LC_ALL: "C" } });
  const answer = await command.run(["--version"], { deadlineMs: VERSION_DEADLINE_MS });
  return answer.kind === "ended" ? parseProgramVersion(answer.stdout) : null;
}
