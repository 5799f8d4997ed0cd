/** What the agent reads of the machine it runs on: the real /proc, and executables that play nvidia-smi. */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { closeSync, existsSync, openSync, rmSync, writeSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { hostname, tmpdir, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { GpuReport, MachineReport } from "@remotegpu/shared/messages/host-report";
import type { BootId } from "@remotegpu/shared/values/ids";
import { checkLimits } from "@remotegpu/agent/commands/doctor/limit-checks";
import { monotonicMs, readBootId } from "@remotegpu/agent/host/clock";
import { findDeletedFiles } from "@remotegpu/agent/host/processes/deleted-files";
import { processTasks } from "@remotegpu/agent/host/processes/descriptor-tables";
import {
  limitSentence,
  raiseKernelLimits,
  readKernelLimits,
  restoreKernelLimits,
} from "@remotegpu/agent/host/kernel-limits";
import { defaultInterface, readMachineFacts } from "@remotegpu/agent/host/machine-facts";
import { NvidiaSmi } from "@remotegpu/agent/host/gpus/nvidia-smi/nvidia-smi";
import { NvidiaSmiError } from "@remotegpu/agent/host/gpus/nvidia-smi/nvidia-smi-error";
import { parseTopology } from "@remotegpu/agent/host/gpus/nvidia-smi/nvidia-smi-topology";
import {
  readContainers,
  readProcessLife,
  readProcessName,
} from "@remotegpu/agent/host/processes/process-liveness";
import {
  prepareSimulatedGpus,
  simulatedGpuUuid,
  updateSimulatedGpus,
  type SimulatedGpuFiles,
} from "@remotegpu/agent/host/gpus/simulated/simulated-gpus";
import { LimitWatch } from "@remotegpu/agent/loop/watch/limit-watch";
import { docker, importBusyboxImage } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { memoryLog } from "../../support/memory-log.ts";
import { nativeProgram } from "../../support/containers/native-program.ts";

const AGENT = new URL("../../../agent/src/main.ts", import.meta.url).pathname;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "remotegpu-host-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("the kernel's limits", () => {
  const INSTANCES = "fs/inotify/max_user_instances";
  const PIPES = "fs/pipe-user-pages-soft";
  const MOST = 2 ** 31 - 1;
  const BOOT = randomUUID() as BootId;

  /** A kernel's settings in a folder, and the state folder of an agent. */
  async function sysctls(values: Record<string, number>) {
    const place = {
      stateDir: await mkdtemp(join(folder, "state-")),
      folder: await mkdtemp(join(folder, "sysctl-")),
      bootId: BOOT,
    };
    const set = async (name: string, value: number) => {
      await mkdir(dirname(join(place.folder, name)), { recursive: true });
      await writeFile(join(place.folder, name), `${value}\n`);
    };
    for (const [name, value] of Object.entries(values)) await set(name, value);
    const get = async (name: string) => Number(await readFile(join(place.folder, name), "utf8"));
    return { place, set, get };
  }

  test("are raised with a sentence for each, found raised by the next agent, and given back", async () => {
    const { place, get } = await sysctls({ [INSTANCES]: 128, [PIPES]: 16_384, "fs/file-max": 2 ** 50 });

    const raised = raiseKernelLimits(place);

    expect(raised.map(limitSentence)).toEqual([
      `the kernel's limit fs.inotify.max_user_instances was 128 and is now ${MOST}`,
      "the kernel's limit fs.pipe-user-pages-soft was 16384 and is now 0",
    ]);
    expect([await get(INSTANCES), await get(PIPES), await get("fs/file-max")]).toEqual([MOST, 0, 2 ** 50]);
    expect(raiseKernelLimits(place)).toEqual([]);
    expect(restoreKernelLimits(place).map(limitSentence)).toEqual([
      `the kernel's limit fs.inotify.max_user_instances was ${MOST} and is now 128`,
      "the kernel's limit fs.pipe-user-pages-soft was 0 and is now 16384",
    ]);
    expect([await get(INSTANCES), await get(PIPES)]).toEqual([128, 16_384]);
    expect(restoreKernelLimits(place)).toEqual([]);
  });

  test("that somebody has changed since stay as they are", async () => {
    const { place, set, get } = await sysctls({ [INSTANCES]: 128, [PIPES]: 16_384 });
    raiseKernelLimits(place);
    await set(INSTANCES, 8192);

    restoreKernelLimits(place);

    expect([await get(INSTANCES), await get(PIPES)]).toEqual([8192, 16_384]);
  });

  test("of another boot were not raised by us, whatever they are", async () => {
    const { place, get } = await sysctls({ [INSTANCES]: 128 });
    raiseKernelLimits(place);
    const nextBoot = { ...place, bootId: randomUUID() as BootId };

    restoreKernelLimits(nextBoot);

    expect(await get(INSTANCES)).toBe(MOST);
  });

  test("are raised with a full disk too, and with words that cannot be read", async () => {
    const { place, get } = await sysctls({ [INSTANCES]: 128 });
    await writeFile(join(place.stateDir, "kernel-limits.json"), "{half a w");
    // Where a file of that name cannot be made.
    await mkdir(join(place.stateDir, "kernel-limits.json.new"));

    const [raised] = raiseKernelLimits(place);

    expect(await get(INSTANCES)).toBe(MOST);
    expect(raised && limitSentence(raised)).toMatch(
      /is now \d+, until the next boot, since nothing can be noted: /,
    );
  });

  test("that somebody lowers while an agent runs are raised again, and theirs is the value to go back to", async () => {
    const { place, set, get } = await sysctls({ [INSTANCES]: 128 });
    const log = memoryLog();
    const watch = new LimitWatch(place, { raises: true, log });

    watch.raise();
    await set(INSTANCES, 512);
    watch.raise();
    watch.raise();
    watch.giveBack();

    expect(log.lines.map(({ message }) => message.replace("the kernel's limit ", ""))).toEqual([
      `fs.inotify.max_user_instances was 128 and is now ${MOST}`,
      `fs.inotify.max_user_instances was 512 and is now ${MOST}`,
      `fs.inotify.max_user_instances was ${MOST} and is now 512`,
    ]);
    expect(await get(INSTANCES)).toBe(512);
  });

  test("that are the operator's task stay as they are", async () => {
    const { place, get } = await sysctls({ [INSTANCES]: 128 });

    new LimitWatch(place, { raises: false, log: memoryLog() }).raise();

    expect(await get(INSTANCES)).toBe(128);
  });

  test("that the kernel refuses to change are reported with its reason, once", async () => {
    const { place } = await sysctls({});
    await mkdir(dirname(join(place.folder, INSTANCES)), { recursive: true });
    // A setting that root may read and not write: 65536.
    await symlink("/proc/sys/kernel/ngroups_max", join(place.folder, INSTANCES));

    const log = memoryLog();
    const watch = new LimitWatch(place, { raises: true, log });
    watch.raise();
    watch.raise();

    expect(log.lines).toMatchObject([
      {
        level: "error",
        message: expect.stringMatching(/^the kernel's limit \S+ stays 65536 instead of \d+: EACCES/),
      },
    ]);
    expect(restoreKernelLimits(place)).toEqual([]);
  });

  test("that cannot be read are left alone and reported, once, and hold up none of the others", async () => {
    const { place, get } = await sysctls({ [PIPES]: 16_384 });
    await mkdir(join(place.folder, INSTANCES), { recursive: true });
    await mkdir(join(place.stateDir, "kernel-limits.json"));
    const log = memoryLog();
    const watch = new LimitWatch(place, { raises: true, log });

    watch.raise();
    watch.raise();
    watch.giveBack();

    expect(await get(PIPES)).toBe(0);
    expect(log.lines.filter(({ message }) => message.includes("max_user_instances"))).toMatchObject([
      {
        level: "error",
        message: expect.stringMatching(/ is left as it is, since it cannot be read: EISDIR/),
      },
    ]);
  });

  test("that the kernel refuses to take back stay noted, for another time", async () => {
    const { place } = await sysctls({});
    await mkdir(dirname(join(place.folder, INSTANCES)), { recursive: true });
    await symlink("/proc/sys/kernel/ngroups_max", join(place.folder, INSTANCES));
    const raised = [{ name: "fs.inotify.max_user_instances", from: 128, to: 65_536 }];
    const note = join(place.stateDir, "kernel-limits.json");
    await writeFile(note, JSON.stringify({ bootId: place.bootId, raised }));

    expect(restoreKernelLimits(place)).toMatchObject([{ refusal: expect.stringMatching(/^EACCES/) }]);
    expect(restoreKernelLimits(place)).toHaveLength(1);
    expect(JSON.parse(await readFile(note, "utf8"))).toMatchObject({ raised });
  });

  test("are given back by a command, with what was noted of this boot", async () => {
    const { place } = await sysctls({});
    const now = readKernelLimits().get("fs.inotify.max_user_watches") ?? 0;
    // Given back to what it is, since the machine's own is everybody's.
    const raised = [{ name: "fs.inotify.max_user_watches", from: now, to: now }];
    await writeFile(
      join(place.stateDir, "kernel-limits.json"),
      JSON.stringify({ bootId: await readBootId(), raised }),
    );

    const { stdout } = await execa(process.execPath, [AGENT, "restore-limits"], {
      env: { REMOTEGPU_STATE_DIR: place.stateDir },
    });

    expect(stdout).toBe(`the kernel's limit fs.inotify.max_user_watches was ${now} and is now ${now}`);
    expect(existsSync(join(place.stateDir, "kernel-limits.json"))).toBe(false);
  });

  test("that are low are named by the doctor, and are no fault where the operator manages them", async () => {
    const { place } = await sysctls({ [INSTANCES]: 128, [PIPES]: 16_384 });
    const low = readKernelLimits(place.folder);

    expect(checkLimits(low, { isAgentsTask: true })).toMatchObject([
      {
        state: "broken",
        count: 2,
        findings: [
          { subject: { limit: "fs.inotify.max_user_instances", value: 128 } },
          { subject: { limit: "fs.pipe-user-pages-soft", value: 16_384 } },
        ],
      },
    ]);
    expect(checkLimits(low, { isAgentsTask: false })).toMatchObject([
      {
        state: "well",
        notes: [
          `fs.inotify.max_user_instances is 128; better ${MOST} or more`,
          "fs.pipe-user-pages-soft is 16384; better 0, which is no limit",
        ],
      },
    ]);
    raiseKernelLimits(place);
    expect(checkLimits(readKernelLimits(place.folder), { isAgentsTask: true })).toMatchObject([
      { state: "well" },
    ]);
  });
});

describe("files that were deleted and are still open", () => {
  /** One of `bytes`, open until the test ends. */
  function heldFile(bytes: number): void {
    const file = join(folder, randomUUID());
    const descriptor = openSync(file, "w");
    onTestFinished(() => closeSync(descriptor));
    writeSync(descriptor, Buffer.alloc(bytes));
    rmSync(file);
  }

  /** Programs of the host, with these in place of its own. */
  async function withPrograms(programs: Record<string, string>): Promise<void> {
    const own = await mkdtemp(join(folder, "programs-"));
    for (const [name, script] of Object.entries(programs))
      await writeFile(join(own, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const { PATH = "" } = process.env;
    onTestFinished(() => void (process.env.PATH = PATH));
    process.env.PATH = `${own}:${PATH}`;
  }

  test("are not known where a program of the host cannot do what is requested, and that is no fault", async () => {
    heldFile(4096);
    // As busybox answers.
    await withPrograms({ find: "echo 'find: unrecognized: -printf' >&2; exit 1" });

    expect(await findDeletedFiles([process.pid])).toMatchObject({
      kind: "unseen",
      detail: expect.stringContaining("GNU find"),
    });
  });

  test("are found with their blocks; those without any are left out", async () => {
    heldFile(8192);
    heldFile(0);

    const found = await findDeletedFiles([process.pid]);

    const sizes = found.kind === "found" ? found.files.map(({ bytes }) => bytes) : [];
    expect(sizes).toContain(8192);
    expect(sizes).not.toContain(0);
  });

  test.each([
    ["has gone since", { xargs: "exit 127" }],
    ["fails", { find: "exit 139" }],
    ["is killed", { xargs: "kill -KILL $PPID" }],
  ])("are not known where a program %s", async (_, programs) => {
    heldFile(4096);
    await withPrograms(programs);

    expect(await findDeletedFiles([process.pid])).toMatchObject({ kind: "unseen" });
  });

  test("of many threads with one table are searched for once", () => {
    expect(processTasks(process.pid)).toMatchObject({ tables: [expect.any(Number)] });
  });
});

describe("the machine", () => {
  test("its facts fit the report", async () => {
    const facts = await readMachineFacts({ diskPath: folder });

    const parsed = MachineReport.partial().parse(facts);
    expect(parsed).toMatchObject({ hostname: hostname(), arch: "x86_64", memoryBytes: totalmem() });
    expect(facts.ipAddress).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    expect(facts.diskBytes).toBeGreaterThan(0);
  });

  const header = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n";
  const route = (name: string, destination: string, metric: number, mask: string) =>
    `${name}\t${destination}\t00000000\t0003\t0\t0\t${metric}\t${mask}\t0\t0\t0   \n`;
  test.each([
    [
      "the one that leads anywhere",
      [route("rg1", "0000D20A", 0, "00FFFFFF"), route("eth0", "00000000", 5, "00000000")],
    ],
    [
      "the better one of two",
      [route("eth1", "00000000", 600, "00000000"), route("eth0", "00000000", 100, "00000000")],
    ],
    [
      "not half of everywhere",
      [route("vpn", "00000000", 0, "00000080"), route("eth0", "00000000", 100, "00000000")],
    ],
  ])("the default route is %s", (_which, routes) => {
    expect(defaultInterface(header + routes.join(""))).toBe("eth0");
  });

  test.each(["", header, header + route("rg1", "0000D20A", 0, "00FFFFFF"), "nonsense\n\n0 0"])(
    "there is no default route in %j",
    (routes) => {
      expect(defaultInterface(routes)).toBeNull();
    },
  );

  test("the monotonic clock is the kernel's, counted since boot", async () => {
    const before = monotonicMs();
    const uptimeMs = Number((await readFile("/proc/uptime", "utf8")).split(" ")[0]) * 1000;
    const after = monotonicMs();

    // /proc/uptime counts time asleep too and has two digits; machines that run tests do not sleep.
    expect(uptimeMs).toBeGreaterThanOrEqual(before - 20);
    expect(uptimeMs).toBeLessThanOrEqual(after + 20);
  });

  test("the boot id is the kernel's", async () => {
    expect(await readBootId()).toBe((await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim());
  });
});

describe("processes", () => {
  test("a process is alive with the same start ticks until it ends", async () => {
    const child = spawn("sleep", ["600"]);
    onTestFinished(() => void child.kill("SIGKILL"));
    const pid = child.pid ?? 0;
    const first = await readProcessLife(pid);
    const second = await readProcessLife(pid);
    child.kill("SIGKILL");
    await once(child, "exit");

    expect(first).toMatchObject({ alive: true, startTicks: expect.any(Number) });
    expect(second).toEqual(first);
    expect(await readProcessLife(pid)).toEqual({ alive: false });
  });

  test("a zombie has ended", async () => {
    // The shell becomes a sleep, which never waits for the child that the shell started.
    const parent = spawn("sh", ["-c", "sleep 600 & echo $!; exec sleep 600"], { detached: true });
    // Its group, so that the child goes with it.
    onTestFinished(() => void process.kill(-(parent.pid ?? 0), "SIGKILL"));
    const [line] = await once(parent.stdout, "data");
    const pid = Number(String(line).trim());
    await eventually(async () => (await readFile(`/proc/${parent.pid}/comm`, "utf8")) === "sleep\n");
    process.kill(pid, "SIGKILL");
    await eventually(async () => / Z /.test(await readFile(`/proc/${pid}/stat`, "utf8")), {
      what: "the child being a zombie",
    });

    expect(await readProcessLife(pid)).toEqual({ alive: false });
    expect(await readContainers(pid)).toBeNull();
  });

  test("one whose first thread has ended is where its other threads are: in its container, or on the host", async () => {
    const { folder: programs, path } = nativeProgram("leader-exit");
    onTestFinished(() => rm(programs, { recursive: true, force: true }));
    const onHost = spawn(path);
    onTestFinished(() => void onHost.kill("SIGKILL"));
    const container = await docker.createContainer({
      Image: await importBusyboxImage(),
      Cmd: ["sh", "-c", "/programs/leader-exit & exec sleep 600"],
      HostConfig: { Binds: [`${programs}:/programs:ro`] },
    });
    onTestFinished(() => container.remove({ force: true }));
    await container.start();
    const { Id: containerId, State: state } = await container.inspect();
    const inside = await eventually(
      async () =>
        Number(await readFile(`/proc/${state.Pid}/task/${state.Pid}/children`, "utf8")) || undefined,
      { what: "the program in the container" },
    );
    for (const pid of [inside, onHost.pid])
      await eventually(async () => / Z /.test(await readFile(`/proc/${pid}/stat`, "utf8")), {
        what: "the end of the first thread",
      });

    expect(await readContainers(inside)).toEqual([containerId]);
    expect(await readContainers(onHost.pid ?? 0)).toEqual([]);
  });

  test("a pid that nobody has is not alive and nowhere", async () => {
    expect(await readProcessLife(2 ** 30)).toEqual({ alive: false });
    expect(await readContainers(2 ** 30)).toBeNull();
    expect(await readProcessName(2 ** 30)).toBeNull();
  });
});

describe("a command that plays nvidia-smi", () => {
  async function fake(name: string, script: string): Promise<string> {
    const path = join(folder, name);
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
    return path;
  }
  const failureOf = (smi: NvidiaSmi) =>
    smi.inventory().then(
      () => null,
      (error: unknown) => (error instanceof NvidiaSmiError ? error.kind : error),
    );

  test("is missing where no such file is", async () => {
    const smi = new NvidiaSmi({ path: join(folder, "no-such-command"), simulated: false });

    expect(await failureOf(smi)).toBe("missing");
  });

  test("is missing where it may not be run", async () => {
    const path = await fake("forbidden", "echo hello");
    await chmod(path, 0o644);

    expect(await failureOf(new NvidiaSmi({ path, simulated: false }))).toBe("missing");
  });

  test("hangs: it is ended at the deadline with all that it started, and may be queried again", async () => {
    const pidFile = join(folder, "sleeper");
    const path = await fake("hanging", `sleep 600 & echo $! >${pidFile}; wait`);
    const smi = new NvidiaSmi({ path, simulated: false, deadlineMs: 500 });

    expect(await failureOf(smi)).toBe("hung");

    const pid = Number(await readFile(pidFile, "utf8"));
    await eventually(async () => !(await readProcessLife(pid)).alive, { what: "the sleeper's end" });
    expect(await failureOf(smi)).toBe("hung");
  });

  test.each([
    ["words", "echo hello", "garbage"],
    ["nothing", "exit 0", "garbage"],
    ["a refusal", "echo 'NVIDIA-SMI has failed' ; exit 9", "garbage"],
    ["no end of output", "while :; do echo 0123456789012345678901234567890123456789; done", "garbage"],
  ])("prints %s", async (name, script, kind) => {
    const path = await fake(name.replaceAll(" ", "-"), script);

    expect(await failureOf(new NvidiaSmi({ path, simulated: false }))).toBe(kind);
  });

  test("reports that there are no cards, which is an answer", async () => {
    const path = await fake("no-cards", "echo 'No devices were found'; exit 6");

    expect(await new NvidiaSmi({ path, simulated: false }).inventory()).toEqual({
      gpus: [],
      conditions: new Map(),
      measurements: new Map(),
      processes: [],
      unread: new Set(),
      isOfSingles: false,
    });
  });

  test("gives one answer to all who query at once, and joins CSV with XML", async () => {
    const fixtures = new URL("../../fixtures/nvidia-smi/", import.meta.url).pathname;
    const log = join(folder, "calls");
    const path = await fake(
      "recorded",
      `echo "$*" >>${log}; case "$*" in *-x*) cat ${fixtures}two-cards.xml ;; *) cat ${fixtures}two-cards.csv ;; esac`,
    );
    const smi = new NvidiaSmi({ path, simulated: false });

    const [one, other] = await Promise.all([smi.inventory(), smi.inventory()]);

    expect(other).toBe(one);
    expect((await readFile(log, "utf8")).trim().split("\n")).toHaveLength(2);
    expect(one.gpus).toMatchObject([
      { index: 0, computeCapability: "8.6", brand: "Example", temperatureLimitC: 95, simulated: false },
      { index: 1, brand: null, driverVersion: "600.10", powerW: null },
    ]);
    expect(one.processes).toHaveLength(2);
  });

  test("of an old driver refuses a newer field, and is queried without it", async () => {
    const path = await fake(
      "old-driver",
      `case "$*" in
        *compute_cap*) echo 'Field "compute_cap" is not a valid field to query.'; exit 2 ;;
        *-x*) echo '<nvidia_smi_log></nvidia_smi_log>' ;;
        *) printf 'index, uuid, name\\n0, GPU-11111111-2222-3333-4444-555555555555, Card\\n' ;;
      esac`,
    );
    await writeFile(
      join(folder, "empty.xml"),
      "<nvidia_smi_log><driver_version>1</driver_version></nvidia_smi_log>",
    );
    await writeFile(path, (await readFile(path, "utf8")).replace(/echo '<.*>'/, `cat ${folder}/empty.xml`));

    const { gpus } = await new NvidiaSmi({ path, simulated: false }).inventory();

    expect(gpus).toMatchObject([{ name: "Card", computeCapability: null }]);
  });
});

describe("simulated cards", () => {
  const hostId = "host-1";
  const START_MS = Date.UTC(2030, 0, 1);
  let files: SimulatedGpuFiles;
  let stateDir: string;
  const first = simulatedGpuUuid(hostId, 0);
  const second = simulatedGpuUuid(hostId, 1);

  beforeEach(async () => {
    stateDir = await mkdtemp(join(folder, "it's a state "));
    files = await prepareSimulatedGpus({ stateDir, hostId, count: 2, nowMs: START_MS });
  });
  const inventory = () => new NvidiaSmi({ path: files.hostExecutable, simulated: true }).inventory();

  test("pass through the same code as real ones and state what they are", async () => {
    const { gpus, processes } = await inventory();

    expect(gpus.map((gpu) => GpuReport.parse(gpu))).toEqual(gpus);
    expect(gpus.map((gpu) => gpu.uuid)).toEqual([first, second]);
    for (const gpu of gpus) {
      expect(gpu).toMatchObject({ simulated: true, memoryTotalMib: 81_920, utilizationPercent: 0 });
      expect(gpu.name).toMatch(/simulated/i);
      expect(Object.values(gpu)).not.toContain(null);
    }
    expect(processes).toEqual([]);
  });

  test("have UUIDs of their host's own", () => {
    expect(first).toMatch(/^GPU-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(new Set([first, second, simulatedGpuUuid("host-2", 0)]).size).toBe(3);
  });

  test("follow the container that holds them: use, memory and heat rise, move and fall", async () => {
    const seen = [];
    for (let step = 1; step <= 40; step++) {
      const inUse = step <= 20 ? [{ uuid: first, pid: 4711 }] : [];
      await updateSimulatedGpus({ stateDir, inUse, nowMs: START_MS + step * 5_000 });
      if (step % 5 === 0) seen.push(await inventory());
    }

    const held = seen[3]?.gpus[0];
    const idle = seen[3]?.gpus[1];
    const released = seen[7]?.gpus[0];
    expect(held?.memoryUsedMib).toBeGreaterThan(30_000);
    expect(held?.temperatureC).toBeGreaterThan((idle?.temperatureC ?? 0) + 15);
    expect(held?.powerW).toBeGreaterThan((idle?.powerW ?? 0) * 3);
    expect(new Set(seen.slice(0, 4).map(({ gpus }) => gpus[0]?.utilizationPercent)).size).toBeGreaterThan(2);
    expect(seen[3]?.processes).toEqual([{ pid: 4711, gpuUuid: first, memoryMib: 32_768 }]);
    expect(idle).toMatchObject({ memoryUsedMib: 0, utilizationPercent: 0 });
    expect(released?.memoryUsedMib).toBeLessThan(1_000);
    expect(released?.temperatureC).toBeLessThan(held?.temperatureC ?? 0);
    expect(seen[7]?.processes).toEqual([]);
  });

  test("keep their warmth over a restart of the agent", async () => {
    await updateSimulatedGpus({ stateDir, inUse: [{ uuid: first, pid: 1 }], nowMs: START_MS + 600_000 });
    const before = await inventory();

    await prepareSimulatedGpus({ stateDir, hostId, count: 2, nowMs: START_MS + 601_000 });

    expect(await inventory()).toEqual(before);
  });

  test("begin anew where their state was damaged", async () => {
    await writeFile(files.stateFile, "stamp|x|y\ncard|0\n");

    await prepareSimulatedGpus({ stateDir, hostId, count: 2, nowMs: START_MS });

    expect((await inventory()).gpus).toHaveLength(2);
  });

  test.each([
    [["-L"], 0, /^GPU 0: Simulated .* \(UUID: GPU-[0-9a-f-]+\)\nGPU 1: /],
    [["-i", "1", "-L"], 0, /^GPU 1: [^\n]+$/],
    [["--id=7", "-L"], 6, /^No devices were found$/],
    [[], 0, /these cards do not exist[\s\S]*0MiB \/ +81920MiB/],
    [["-q"], 0, /NVSMI LOG[\s\S]*GPU UUID +: GPU-/],
    [
      ["--query-gpu=index,serial,memory.free", "--format=csv,noheader,nounits"],
      0,
      /^0, \[N\/A\], 81920\n1, /,
    ],
    [["--query-gpu=index, memory.free", "--format=csv"], 0, /^index, memory.free \[MiB\]\n0, 81920 MiB\n/],
    [
      ["--query-compute-apps=pid,gpu_uuid,used_memory", "--format=csv"],
      0,
      /^pid, gpu_uuid, used_memory \[MiB\]$/,
    ],
    [["--query-gpu=index,wisdom", "--format=csv"], 2, /"wisdom" is not a valid field/],
    [["--query-gpu=*", "--format=csv"], 2, /"\*" is not a valid field/],
    [["--query-gpu=index"], 2, /--format=csv is missing/],
    [["topo", "-m"], 0, /GPU0\tGPU1\t[\s\S]*\nGPU0\t X \tNV12\t[\s\S]*\nGPU1\tNV12\t X \t[\s\S]*NV#/],
    [["topo", "--matrix"], 0, /\nGPU1\tNV12/],
    [["topo"], 2, /only the matrix/],
    [["topo", "-p2p", "r"], 2, /only the matrix/],
    [["--gpu-reset"], 2, /--gpu-reset is not recognized/],
    [["-i"], 2, /needs a value/],
    [["--version"], 0, /DRIVER version +: simulated/],
    [["-h"], 0, /--query-gpu=FIELDS/],
    [["--help-query-gpu"], 0, /"memory.total"/],
  ])("answer %j with exit code %i", async (args, exitCode, output) => {
    const answer = await execa(files.hostExecutable, args, { reject: false });

    expect(answer).toMatchObject({ exitCode, stderr: "" });
    expect(answer.stdout.trimEnd()).toMatch(output);
  });

  describe.skipIf(!existsSync("/usr/bin/busybox"))("in a container with a shell and nothing else", () => {
    async function answerIn(environment: Record<string, string>, ...args: string[]) {
      // As in the container, but for the place of the state file; the PATH leads to no command at all.
      const script = (await readFile(files.containerExecutable, "utf8")).replace(
        "'/.remotegpu-simulated/state'",
        `"${files.stateFile}"`,
      );
      await writeFile(join(stateDir, "script"), script);
      return execa("/usr/bin/busybox", ["sh", join(stateDir, "script"), ...args], {
        reject: false,
        extendEnv: false,
        env: { PATH: "/nowhere", ...environment },
      });
    }

    test("only the cards that it was given are there, counted from zero", async () => {
      const { stdout, stderr } = await answerIn({ NVIDIA_VISIBLE_DEVICES: second }, "-L");

      expect(stderr).toBe("");
      expect(stdout).toBe(`GPU 0: Simulated A100 80GB (UUID: ${second})`);
    });

    test("the topology is of those cards alone, too", async () => {
      const { stdout } = await answerIn({ NVIDIA_VISIBLE_DEVICES: second }, "topo", "-m");

      expect(parseTopology(stdout)).toEqual({ cards: [0], links: [], switched: [] });
    });

    test.each([
      ["all", 2],
      ["0,1", 2],
      ["1", 1],
      [`${first},${second}`, 2],
    ])("NVIDIA_VISIBLE_DEVICES=%s shows %i", async (visible, count) => {
      const { stdout } = await answerIn({ NVIDIA_VISIBLE_DEVICES: visible }, "-L");

      expect(stdout.split("\n")).toHaveLength(count);
    });

    test.each([[{}], [{ NVIDIA_VISIBLE_DEVICES: "void" }], [{ NVIDIA_VISIBLE_DEVICES: "none" }]])(
      "%j shows none",
      async (environment) => {
        expect(await answerIn(environment, "-L")).toMatchObject({
          exitCode: 6,
          stdout: "No devices were found",
        });
      },
    );

    test("its whole repertoire needs no command but the shell, and names no process of the host", async () => {
      await updateSimulatedGpus({ stateDir, inUse: [{ uuid: first, pid: 4711 }], nowMs: START_MS + 1_000 });

      const calls = [[], ["-q"], ["-q", "-x"], ["--query-compute-apps=pid", "--format=csv"]];
      for (const args of calls) {
        const answer = await answerIn({ NVIDIA_VISIBLE_DEVICES: "all" }, ...args);

        expect(answer).toMatchObject({ exitCode: 0, stderr: "" });
        expect(answer.stdout).not.toContain("4711");
      }
    });
  });
});
