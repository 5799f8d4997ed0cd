/**
 * Takes a device from a running container and gives it back, as whoever sets the rules of its control group anew. Under
 * version 1 of control groups, which is what the machines of the suite have; test/systemd plays version 2.
 */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const TREE = "/sys/fs/cgroup/devices";
/** /dev/null, which stands for the nodes of simulated cards. */
const NULL_DEVICE = "c 1:3 rw";

/** False where rules cannot be written as lines: nothing can be played then. */
export const HAS_DEVICE_TREE = existsSync(join(TREE, "devices.deny"));

/** Where processes of the container enter its group of that tree. */
export function deviceGroup(containerId: string): string {
  const groups = [`docker/${containerId}`, `system.slice/docker-${containerId}.scope`].map((group) =>
    join(TREE, group),
  );
  const found = groups.find((group) => existsSync(group));
  if (found === undefined) throw new Error(`container ${containerId} has no group for devices`);
  return found;
}

export function takeNullDevice(containerId: string): void {
  // Rules of a container say that each device may be made, and only a rule that is the same takes one away whole.
  writeFileSync(join(deviceGroup(containerId), "devices.deny"), NULL_DEVICE);
}

export function giveNullDevice(containerId: string): void {
  writeFileSync(join(deviceGroup(containerId), "devices.allow"), NULL_DEVICE);
}
