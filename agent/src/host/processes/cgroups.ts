/**
 * Which processes a container holds, told by the kernel: its control group lists them whatever they do to themselves,
 * and none can leave it from inside. The group is found by the container's id, which every runtime writes into its
 * name, so nothing of the container has to be alive for it. Only reads; group-ending.ts ends what is there.
 *
 * cgroup version 2, version 1, and both side by side: a runtime makes a group in each tree, with the same path. These
 * files are the kernel's memory and never a disk, so they are read at once.
 */
import { readdirSync, readFileSync, statSync, type Dirent } from "node:fs";
import { basename, dirname, join } from "node:path";
import { containersInPath } from "../../core/container/cgroup-path.ts";

const MOUNT = "/sys/fs/cgroup";
/** The unified tree where it stands alone, then beside version 1, then the trees of version 1 that Docker uses. */
const TREES = ["", "unified", "pids", "freezer", "memory", "devices", "systemd"];
/** Of a directory without others in it; one more for each of those. */
const LINKS_OF_A_LEAF = 2;
/** Files that list a process from outside of the reader's own pid namespace say 0. */
const OUT_OF_SIGHT = "0";

/** Where a runtime puts its groups: what stands before a container's id and behind it. */
type Place = { before: string; behind: string };

/** As long as no other place was seen. */
const USUAL_PLACES: readonly Place[] = [
  { before: "docker/", behind: "" },
  { before: "system.slice/docker-", behind: ".scope" },
  { before: "machine.slice/libpod-", behind: ".scope" },
];

export class Cgroups {
  readonly #mount: string;
  readonly #places: Place[] = [...USUAL_PLACES];
  /** Trees that are mounted; that does not change while a machine is up. */
  #found: readonly string[] = [];
  /** Places where a container of this runtime was found. */
  readonly #confirmed = new Set<Place>();

  constructor(mount: string = MOUNT) {
    this.#mount = mount;
  }

  /**
   * The folders of a container's group, one for each tree that has it; none before its start and after its end. Where
   * one lies is learned from those that were seen: `learn` names them.
   */
  groupsOf(containerId: string): string[] {
    for (const place of this.#places) {
      const path = `${place.before}${containerId}${place.behind}`;
      const found = this.#trees()
        .map((tree) => join(tree, path))
        .filter(isFolder);
      if (found.length === 0) continue;
      this.#confirmed.add(place);
      return found;
    }
    return [];
  }

  /** From the path of a process' group, or a folder that was written down, where groups of this runtime lie. */
  learn(containerId: string, path: string): void {
    const at = path.indexOf(containerId);
    if (at < 0) return;
    const tree = this.#trees().find((root) => path.startsWith(`${root}/`));
    const before = path.slice(tree === undefined ? 0 : tree.length, at).replace(/^\/+/, "");
    const [behind = ""] = path.slice(at + containerId.length).split("/");
    const known = this.#places.find((place) => place.before === before && place.behind === behind);
    const place = known ?? { before, behind };
    // The latest first: a runtime that was set otherwise puts its next container beside this one.
    this.#places.splice(0, this.#places.length, place, ...this.#places.filter((other) => other !== place));
  }

  /**
   * Host's pids of all that is alive in a group and in those below it. A process whose first thread has ended counts as
   * long as another one runs; a zombie does not. Empty where the group is gone.
   */
  processes(path: string): number[] {
    const own = pidsIn(path);
    return below(path).reduce((pids, child) => [...pids, ...this.processes(child)], own);
  }

  /** Every group that lies where this runtime's containers were found, with the container's id. */
  all(): { containerId: string; path: string }[] {
    const parents = new Set(
      this.#trees().flatMap((tree) =>
        [...this.#confirmed].map(({ before }) => dirname(join(tree, `${before}x`))),
      ),
    );
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

  /** Where processes enter the group by which the kernel judges devices: that of version 1's tree for them, or version 2's own. */
  deviceProcs(path: string): string | null {
    const tree = this.#trees().find((root) => path.startsWith(`${root}/`));
    if (tree === undefined) return null;
    const inDevicesTree = join(this.#mount, "devices");
    const group = this.#trees().includes(inDevicesTree)
      ? join(inDevicesTree, path.slice(tree.length + 1))
      : path;
    const procs = join(group, "cgroup.procs");
    return isFile(procs) ? procs : null;
  }

  /** Whether all that is in it is held still: told by the freezer of version 2, or that of version 1. */
  isFrozen(path: string): boolean {
    const texts = [...this.freezers(path), join(path, "cgroup.events")].map((file) =>
      absentAsNull(() => readFileSync(file, "utf8")),
    );
    return texts.some((text) => text !== null && FROZEN.test(text));
  }

  /** The files that say how long a group has run on a processor: that of version 1's tree for it, and version 2's own. */
  cpuFiles(path: string): string[] {
    const tree = this.#trees().find((root) => path.startsWith(`${root}/`));
    if (tree === undefined) return [];
    const below = path.slice(tree.length + 1);
    return [
      join(this.#mount, "cpuacct", below, "cpuacct.usage"),
      join(path, "cpu.stat"),
      join(this.#mount, "unified", below, "cpu.stat"),
    ];
  }

  #trees(): readonly string[] {
    if (this.#found.length === 0)
      this.#found = TREES.map((tree) => join(this.#mount, tree)).filter((tree) =>
        isFile(join(tree, "cgroup.procs")),
      );
    return this.#found;
  }
}

function below(folder: string): string[] {
  if ((absentAsNull(() => statSync(folder))?.nlink ?? 0) === LINKS_OF_A_LEAF) return [];
  const entries: Dirent[] = absentAsNull(() => readdirSync(folder, { withFileTypes: true })) ?? [];
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
}

function pidsIn(path: string): number[] {
  const text = absentAsNull(() => readFileSync(join(path, "cgroup.procs"), "utf8")) ?? "";
  const lines = text.split("\n").filter((line) => line !== "");
  // Whoever cannot see the host's processes can neither call a group empty nor end what is in it.
  if (lines.includes(OUT_OF_SIGHT)) throw new Error(`${path} holds processes of another pid namespace`);
  return lines.map(Number);
}

function isFolder(path: string): boolean {
  return absentAsNull(() => statSync(path))?.isDirectory() === true;
}

function isFile(path: string): boolean {
  return absentAsNull(() => statSync(path))?.isFile() === true;
}

/** Of `cgroup.events`, and of version 1's `freezer.state`, also while it waits for a device to let go of something. */
const FROZEN = /^(?:frozen 1|FROZEN|FREEZING)$/m;

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
