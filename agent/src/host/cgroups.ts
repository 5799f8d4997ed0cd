/**
 * Which processes a container holds, told by the kernel: its control group lists them whatever they do to themselves,
 * and none can leave it from inside. The group is found by the container's id, which every runtime writes into its
 * name, so nothing of the container has to be alive for it. Only reads; group-ending.ts ends what is there.
 *
 * cgroup version 2, version 1, and both side by side: of the trees that have the group the first one speaks. These
 * files are the kernel's memory and never a disk, so they are read at once.
 */
import { readdirSync, readFileSync, statSync, type Dirent } from "node:fs";
import { basename, dirname, join } from "node:path";
import { containersInPath } from "../core/cgroup-path.ts";

const MOUNT = "/sys/fs/cgroup";
/** The unified tree where it stands alone, then beside version 1, then the trees of version 1 that Docker uses. */
const TREES = ["", "unified", "pids", "freezer", "memory", "devices", "systemd"];
/** Where runtimes put their groups, as long as no other place was seen. */
const USUAL_PLACES = ["docker/ID", "system.slice/docker-ID.scope", "machine.slice/libpod-ID.scope"];
/** Groups of machines and their slices lie no deeper; a search is made only for what lies in no known place. */
const DEEPEST = 6;
/** Of a directory without others in it; one more for each of those. */
const LINKS_OF_A_LEAF = 2;

export class Cgroups {
  readonly #mount: string;
  readonly #places: string[] = [...USUAL_PLACES];
  /** One container was found in one of the places: all of this runtime lie there, and one that does not is gone. */
  #isSure = false;

  constructor(mount: string = MOUNT) {
    this.#mount = mount;
  }

  /** The folder of a container's group; null where none has its name, as before its start and after its end. */
  find(containerId: string): string | null {
    const trees = this.#trees();
    for (const tree of trees)
      for (const place of this.#places) {
        const path = join(tree, place.replace("ID", containerId));
        if (!isFolder(path)) continue;
        this.#isSure = true;
        return path;
      }
    if (this.#isSure) return null;
    for (const tree of trees) {
      const path = search(tree, containerId, DEEPEST);
      if (path === null) continue;
      this.#isSure = true;
      this.#places.unshift(path.slice(tree.length + 1).replace(containerId, "ID"));
      return path;
    }
    return null;
  }

  /**
   * Host's pids of all that is alive in a group and in those below it. A process whose first thread has ended counts as
   * long as another one runs; a zombie does not. Empty where the group is gone.
   */
  processes(path: string): number[] {
    const own = pidsIn(path);
    return below(path).reduce((pids, child) => [...pids, ...this.processes(child)], own);
  }

  /** Groups that are named after a container and lie where runtimes put them, with the container's id. */
  all(): { containerId: string; path: string }[] {
    const [tree] = this.#trees();
    if (tree === undefined) return [];
    const parents = new Set(this.#places.map((place) => join(tree, dirname(place))));
    return [...parents].flatMap((parent) =>
      below(parent).flatMap((path) => {
        const [containerId] = containersInPath(basename(path));
        return containerId === undefined ? [] : [{ containerId, path }];
      }),
    );
  }

  /** The files that freeze a group: its own under version 2, and that of the tree for it under version 1. */
  freezers(path: string): string[] {
    const tree = this.#trees().find((root) => path.startsWith(`${root}/`));
    if (tree === undefined) return [];
    const inFreezerTree = join(this.#mount, "freezer", path.slice(tree.length + 1), "freezer.state");
    return [join(path, "cgroup.freeze"), inFreezerTree].filter(isFile);
  }

  #trees(): string[] {
    return TREES.map((tree) => join(this.#mount, tree)).filter((tree) => isFile(join(tree, "cgroup.procs")));
  }
}

function search(folder: string, containerId: string, depth: number): string | null {
  const children = below(folder);
  const found = children.find((child) => basename(child).includes(containerId));
  if (found !== undefined || depth === 0) return found ?? null;
  for (const child of children) {
    const deeper = search(child, containerId, depth - 1);
    if (deeper !== null) return deeper;
  }
  return null;
}

function below(folder: string): string[] {
  if ((absentAsNull(() => statSync(folder))?.nlink ?? 0) === LINKS_OF_A_LEAF) return [];
  const entries: Dirent[] = absentAsNull(() => readdirSync(folder, { withFileTypes: true })) ?? [];
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
}

function pidsIn(path: string): number[] {
  const text = absentAsNull(() => readFileSync(join(path, "cgroup.procs"), "utf8")) ?? "";
  // A process outside of the reader's own pid namespace is listed as 0.
  return text
    .split("\n")
    .filter((line) => line !== "" && line !== "0")
    .map(Number);
}

function isFolder(path: string): boolean {
  return absentAsNull(() => statSync(path))?.isDirectory() === true;
}

function isFile(path: string): boolean {
  return absentAsNull(() => statSync(path))?.isFile() === true;
}

/** ENODEV: the group was removed while its file was read. */
const ABSENCE = new Set(["ENOENT", "ENODEV", "ENOTDIR"]);

function absentAsNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && "code" in error && ABSENCE.has(String(error.code))) return null;
    throw error;
  }
}
