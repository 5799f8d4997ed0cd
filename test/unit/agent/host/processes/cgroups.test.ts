/** Where a process enters the group by which the kernel judges devices, in each kind of tree. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Cgroups } from "@remotegpu/agent/host/processes/cgroups";
import { ContainerGroups } from "@remotegpu/agent/host/processes/container-groups";

const ID = "c".repeat(64);
const SCOPE = `system.slice/docker-${ID}.scope`;

let mount: string;
beforeEach(async () => {
  mount = await mkdtemp(join(tmpdir(), "rg-cgroups-"));
});
afterEach(() => rm(mount, { recursive: true, force: true }));

/** Trees by their names, "" for one that stands alone, each with the groups given. */
async function trees(names: readonly string[], groups: readonly string[], pids = ""): Promise<void> {
  for (const tree of names)
    for (const group of ["", ...groups]) {
      await mkdir(join(mount, tree, group), { recursive: true });
      await writeFile(join(mount, tree, group, "cgroup.procs"), group === "" ? "" : pids);
    }
}
const procs = () => new ContainerGroups(new Cgroups(mount)).deviceProcsOf(ID, 1);

test("is the tree for devices under version 1", async () => {
  await trees(["pids", "memory", "devices"], [`docker/${ID}`]);

  expect(procs()).toBe(join(mount, "devices", "docker", ID, "cgroup.procs"));
});

test("is that tree also where version 2 stands beside it", async () => {
  await trees(["unified", "pids", "devices"], [SCOPE]);

  expect(procs()).toBe(join(mount, "devices", SCOPE, "cgroup.procs"));
});

test("is the group itself under version 2", async () => {
  await trees([""], [SCOPE]);

  expect(procs()).toBe(join(mount, SCOPE, "cgroup.procs"));
});

test("is nowhere for a container that has ended", async () => {
  await trees(["pids", "devices"], []);

  expect(procs()).toBeNull();
});

test("a process of ours that is in there for a moment is none of the container's", async () => {
  await trees(["pids", "devices"], [`docker/${ID}`], "10\n11\n");
  const groups = new ContainerGroups(new Cgroups(mount));

  const release = groups.disregard(11);
  expect(groups.processesOf(ID)).toEqual([10]);
  expect(groups.holders()).toEqual([{ containerId: ID, pids: [10] }]);
  release();
  expect(groups.processesOf(ID)).toEqual([10, 11]);
});
