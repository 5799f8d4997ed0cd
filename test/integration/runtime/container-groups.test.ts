/**
 * Control groups of real containers: found by the container's id in each version's trees, their processes told whatever
 * they have done to themselves, and all of them ended.
 */
import { existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Cgroups } from "@remotegpu/agent/host/processes/cgroups";
import { ContainerGroups } from "@remotegpu/agent/host/processes/container-groups";
import { readProcessLife } from "@remotegpu/agent/host/processes/process-liveness";
import { BUSYBOX_IMAGE, desiredOf } from "../../support/samples/desired-instance.ts";
import { docker, importBusyboxImage } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { nativeProgram } from "../../support/containers/native-program.ts";
import { RuntimeUnderTest } from "../../support/containers/runtime.ts";

const MOUNT = "/sys/fs/cgroup";
const program = nativeProgram("leader-exit");
const bomb = nativeProgram("fork-bomb");
const groups = new ContainerGroups();

beforeAll(async () => {
  await importBusyboxImage();
});

afterAll(() => {
  for (const { folder } of [program, bomb]) rmSync(folder, { recursive: true, force: true });
});

/** A container of nobody's, with a program beside its shell. */
async function run(argv: string[], { folder } = program): Promise<string> {
  const options = ["--detach", "--network=none", "--pids-limit=500", "--stop-timeout=1"];
  const volume = `--volume=${folder}:/program:ro`;
  const { stdout } = await execa("docker", ["run", ...options, volume, BUSYBOX_IMAGE, ...argv]);
  onTestFinished(async () => {
    await groups.end(stdout);
    await docker.getContainer(stdout).remove({ force: true });
  });
  return stdout;
}

const stateOf = async (pid: number) =>
  / \) ?(?<state>[A-Z]) /.exec((await readFile(`/proc/${pid}/stat`, "utf8")).replace(/^.*\)/, " )"))
    ?.groups?.["state"];

/** The trees of one version, as on a host that has only those. */
function treesOf(version: 1 | 2): string | null {
  const unified = existsSync(join(MOUNT, "cgroup.controllers")) ? MOUNT : join(MOUNT, "unified");
  if (version === 2) return existsSync(join(unified, "cgroup.procs")) ? unified : null;
  if (!existsSync(join(MOUNT, "pids/cgroup.procs"))) return null;
  const folder = mkdtempSync(join(tmpdir(), "rg-cgroup-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const tree of ["pids", "freezer"]) symlinkSync(join(MOUNT, tree), join(folder, tree));
  return folder;
}

describe.each([1, 2] as const)("version %i", (version) => {
  test("a container's processes are listed and ended", async ({ skip }) => {
    const mount = treesOf(version);
    if (mount === null) return skip(`this machine has no tree of version ${version}`);
    const ofVersion = new ContainerGroups(new Cgroups(mount));
    const containerId = await run(["sh", "-c", "sleep 1000 & sleep 1001 & wait"]);

    const pids = await eventually(
      () => {
        const found = ofVersion.processesOf(containerId);
        return found.length === 3 && found;
      },
      { what: "the shell and its two children" },
    );

    expect(ofVersion.holders()).toContainEqual({ containerId, pids });
    expect(await ofVersion.end(containerId)).toEqual([]);
    expect(await Promise.all(pids.map(async (pid) => (await readProcessLife(pid)).alive))).toEqual(
      pids.map(() => false),
    );
    expect(ofVersion.processesOf(containerId)).toEqual([]);
  });

  test("what makes new ones as fast as it is killed ends", async ({ skip }) => {
    const mount = treesOf(version);
    if (mount === null) return skip(`this machine has no tree of version ${version}`);
    const ofVersion = new ContainerGroups(new Cgroups(mount));
    const containerId = await run(["/program/fork-bomb"], bomb);
    const isMany = () => ofVersion.processesOf(containerId).length > 100;
    await eventually(isMany, { what: "a bomb" });

    expect(await ofVersion.end(containerId)).toEqual([]);
  });
});

test("what somebody froze ends", async () => {
  const containerId = await run(["sleep", "1000"]);
  await docker.getContainer(containerId).pause();

  expect(groups.processesOf(containerId)).toHaveLength(1);
  expect(await groups.end(containerId)).toEqual([]);
});

test("a first process that shows as a zombie while another of its threads runs is alive, also once it was lost", async () => {
  const containerId = await run(["/program/leader-exit"]);
  const pid = await eventually(() => groups.processesOf(containerId)[0], { what: "its process" });
  await eventually(async () => (await stateOf(pid)) === "Z", { what: "the end of its first thread" });

  expect((await readProcessLife(pid)).alive).toBe(true);
  await docker.getContainer(containerId).stop({ t: 0 });
  expect((await docker.getContainer(containerId).inspect()).State.Running).toBe(false);
  expect(groups.processesOf(containerId)).toEqual([pid]);

  expect(await groups.end(containerId)).toEqual([]);
  await eventually(async () => !(await readProcessLife(pid)).alive, { what: "the end of its last thread" });
});

test("a container is found where its group was at its start, and is none where it never had one", async () => {
  const containerId = await run(["sleep", "1000"]);
  const path = await eventually(() => groups.find(containerId), { what: "its group" });

  expect(groups.processesOf("f".repeat(64), path)).toHaveLength(1);
  expect(groups.find("f".repeat(64))).toBeNull();
  expect(groups.processesOf("f".repeat(64), "/sys/fs/cgroup/nowhere")).toEqual([]);
  expect(await groups.end("f".repeat(64))).toEqual([]);
});

test("the name of a process reveals nothing of its state", async () => {
  const containerId = await run([
    "sh",
    "-c",
    "printf 'x) Z 1 (y' > /proc/self/comm; while :; do sleep 1; done",
  ]);
  const pid = await eventually(() => groups.processesOf(containerId)[0], { what: "its process" });
  await eventually(async () => (await readFile(`/proc/${pid}/comm`, "utf8")).includes(") Z"), {
    what: "its name",
  });

  expect((await readProcessLife(pid)).alive).toBe(true);
});

test("nothing inside can leave the group, make one below it, or take away what is read of it", async () => {
  const host = await RuntimeUnderTest.begin();
  onTestFinished(() => host.end());
  const containerId = await host.launch(desiredOf("mover"));
  const before = groups.processesOf(containerId);

  const tried = await host.sh(
    containerId,
    [
      "for file in $(find /sys/fs/cgroup -name cgroup.procs); do echo 1 > $file && echo moved; done",
      "for file in $(find /sys/fs/cgroup -name cgroup.procs); do mkdir $(dirname $file)/below && echo made; done",
      "mount -t cgroup2 none /tmp && echo mounted; mount -t cgroup -o pids none /tmp && echo mounted",
      "for at in /proc /sys /sys/fs/cgroup /; do umount -l $at && echo unmounted; done",
      "mount -o remount,rw /sys/fs/cgroup && echo remounted",
    ].join("; "),
  );

  expect(tried).not.toMatch(/^(moved|made|mounted|unmounted|remounted)$/m);
  expect(groups.processesOf(containerId)).toEqual(before);
  expect(before).toHaveLength(1);
});
