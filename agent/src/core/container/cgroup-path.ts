/**
 * Which containers a process is in, by the text of its /proc/<pid>/cgroup. The same for cgroup v1 and v2, for cgroupfs
 * and systemd drivers, for Docker, containerd, CRI-O and Podman: each writes the container's id into the path.
 */

const CONTAINER_ID = /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g;

/**
 * From the outermost to the innermost, as `/docker/<id>`, `/system.slice/docker-<id>.scope`,
 * `/kubepods.slice/…/cri-containerd-<id>.scope` or `libpod-<id>.scope/container` name them. Empty for a process of the
 * host. A v1 tree has a line for each controller; the first that names a container speaks for all.
 */
export function containersOf(cgroups: string): string[] {
  for (const line of cgroups.split("\n")) {
    const [, , ...path] = line.split(":");
    const ids = containersInPath(path.join(":"));
    if (ids.length > 0) return ids;
  }
  return [];
}

/** The containers in one group's path as the kernel log names it, from the outermost to the innermost. */
export function containersInPath(path: string): string[] {
  return [...new Set(path.match(CONTAINER_ID))];
}
