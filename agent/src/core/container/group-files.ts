/**
 * Where the files of a container's limits lie, from the text of /proc/<pid>/cgroup of its first process: in version 2 one
 * folder, in version 1 one of each tree, and both side by side where a machine has both. Where that process went on into a
 * group of its own below its container's, the container's is meant.
 */
import { containersInPath } from "./cgroup-path.ts";

export type GroupFolders = { pids: string | null; memory: string | null; isVersionOne: boolean };

/** @param mount where the trees are mounted */
export function groupFolders(cgroups: string, mount: string): GroupFolders {
  const lines = cgroups.split("\n").map((line) => {
    const [, controllers = "", ...path] = line.split(":");
    return { controllers: controllers.split(","), path: containersPath(path.join(":")) };
  });
  const tree = (name: string) => {
    const line = lines.find(({ controllers }) => controllers.includes(name));
    return line === undefined ? null : `${mount}/${name}${line.path}`;
  };
  const [pids, memory] = [tree("pids"), tree("memory")];
  if (pids !== null || memory !== null) return { pids, memory, isVersionOne: true };
  const unified = lines.find(({ controllers, path }) => controllers[0] === "" && path.startsWith("/"));
  const folder = unified === undefined ? null : `${mount}${unified.path}`;
  return { pids: folder, memory: folder, isVersionOne: false };
}

/** Up to the folder that names the container; one that names none is taken as it is. */
function containersPath(path: string): string {
  const id = containersInPath(path).at(-1);
  if (id === undefined) return path;
  const parts = path.split("/");
  return parts.slice(0, parts.findLastIndex((part) => part.includes(id)) + 1).join("/");
}
