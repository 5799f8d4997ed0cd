/** Limits of storage end to end: what a real container wrote is measured, and beyond its limit it is stopped. */
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LABEL } from "@remotegpu/agent/core/container/container";
import type { DesiredInstance, InstanceSpec } from "@remotegpu/shared/instance/instance";
import { MIB, MS_PER_HOUR, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { desiredOf } from "../../support/samples/desired-instance.ts";
import { docker, newHostId } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { nativeProgram } from "../../support/containers/native-program.ts";
import { RuntimeProxy } from "../../support/containers/runtime-proxy.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";

const LIMIT_BYTES = 16 * MIB;
/** Beyond the pause between two looks at the disks. */
const CHECK_MS = 5_000;
/** Between two of these, in the test's own time. */
const STEP_MS = 200;
const live = { stopGraceSeconds: 1, onDisconnect: "keep", stopAfterSeconds: null } as const;

let controlPlane: ScriptedControlPlane;
let proxy: RuntimeProxy;
let agent: AgentUnderTest;
/** Behind the proxy, through which no command passes into a container. */
let slowAgent: AgentUnderTest;

/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  controlPlane = ending.adopt(await ScriptedControlPlane.start(), (one) => one.close());
  proxy = ending.adopt(await RuntimeProxy.listen(`/tmp/rg-proxy-${newHostId()}.sock`), (one) => one.close());
  agent = ending.adopt(await AgentUnderTest.begin(controlPlane), (one) => one.end());
  slowAgent = ending.adopt(
    await AgentUnderTest.begin(controlPlane, { socketPath: proxy.socketPath }),
    (one) => one.end(),
  );
  ending.defer(() => proxy.release());
});
afterAll(() => ending.disposeAsync());

const limited = (name: string, limits: Partial<InstanceSpec>): DesiredInstance =>
  desiredOf(name, limits, { live });

async function inside(
  instance: DesiredInstance,
  { hostId }: AgentUnderTest,
  argv: [string, ...string[]],
): Promise<number | null> {
  const reply = await controlPlane.orders.exec(hostId, {
    kind: "exec",
    instanceId: instance.instanceId,
    argv,
    stdin: null,
    timeoutSeconds: 30,
  });
  return reply.kind === "exec-reply" ? reply.exitCode : null;
}

async function write(instance: DesiredInstance, file: string, mebibytes: number): Promise<void> {
  const argv: [string, ...string[]] = ["dd", "if=/dev/zero", `of=${file}`, "bs=1M", `count=${mebibytes}`];
  expect(await inside(instance, agent, argv)).toBe(0);
}

function stopSentence(detail: string | undefined): string | undefined {
  return detail?.startsWith("Stopped:") === true ? detail : undefined;
}

/** In a data set of the pool, where containers can run it. */
function layProgram(): InstanceSpec["mounts"] {
  const { folder, path } = nativeProgram("hold-deleted");
  mkdirSync(join(agent.poolRoot, "programs"), { recursive: true });
  copyFileSync(path, join(agent.poolRoot, "programs/hold-deleted"));
  rmSync(folder, { recursive: true });
  return [{ kind: "dataset", source: "programs", target: "/gemini/data-1" }];
}

async function isDone(instance: DesiredInstance): Promise<boolean> {
  return (await inside(instance, agent, ["/.remotegpu/busybox", "test", "-e", "/done"])) === 0;
}

const isMeasuring = (_method: string, url: string) => url.includes("size=");

test("a container beyond temp_storage and one beyond storage are stopped with that reason; one within both runs on", async () => {
  const { host } = agent;
  const limits = (name: string): Partial<InstanceSpec> => ({
    tempStorageBytes: LIMIT_BYTES,
    storageBytes: LIMIT_BYTES,
    folders: [{ source: `code/${name}`, target: "/gemini/code" }],
  });
  const own = limited("own", limits("own"));
  const folder = limited("folder", limits("folder"));
  const within = limited("within", limits("within"));
  host.order([own, folder, within]);
  for (const { runId } of [own, folder, within]) await host.reported(runId, { phase: "ready" });

  await write(own, "/big", 17);
  await write(folder, "/gemini/code/big", 17);
  await write(within, "/big", 15);
  await write(within, "/gemini/code/big", 15);
  agent.setForward(MS_PER_MINUTE);

  const wasOwn = await host.reported(own.runId, { phase: "failed" });
  const wasFolder = await host.reported(folder.runId, { phase: "failed" });
  expect(wasOwn).toMatchObject({
    problem: "storage-exceeded",
    detail: expect.stringMatching(
      /^Stopped: it holds 1\d\.\d MiB in its own file system \(temp_storage\); its limit is 16\.0 MiB\.$/,
    ),
  });
  expect(wasFolder).toMatchObject({
    problem: "storage-exceeded",
    detail: expect.stringMatching(
      /^Stopped: it holds 17\.\d MiB in code and output \(storage\); its limit is 16\.0 MiB\.$/,
    ),
  });
  expect(host.observed(within.runId)).toMatchObject({ phase: "ready" });
  const filters = JSON.stringify({ label: [`${LABEL.host}=${agent.hostId}`], status: ["running"] });
  const runs = (await docker.listContainers({ filters })).map(({ Labels }) => Labels[LABEL.run]);
  expect(runs).toEqual([within.runId]);
});

test("room that no name leads to counts against its limit, however it is held, and what is no room of the disk does not", async () => {
  const { host } = agent;
  const mounts = layProgram();
  const program = "/gemini/data-1/hold-deleted";
  const inLayer = /^Stopped: it holds \d+\.\d MiB in its own file system \(temp_storage\)/;
  const inFolders = /^Stopped: it holds \d+\.\d MiB in code and output \(storage\)/;
  const written = "dd if=/dev/zero bs=1M count=2 >&5 2>/dev/null";
  const holders: [string, string, RegExp][] = [
    [
      "child",
      `(exec 5>/big; rm /big; ${written}; sleep 1000 & exec 5>&-; echo > /done); sleep 1000`,
      inLayer,
    ],
    ["folder", `cd /gemini/code; exec 5>big; rm big; ${written}; echo > /done; sleep 1000`, inFolders],
    // With a byte in its name that is no text in any language.
    ["mapped", `${program} mapped "$(printf '/gemini/code/\\377big')" 2`, inFolders],
    ["thread", `${program} thread /big 2; sleep 1000`, inLayer],
    ["reserved", `${program} reserved /big 2`, inLayer],
    ["many", `${program} many /big 500; sleep 1000`, inLayer],
    [
      "executed",
      `cat ${program} > /big; dd if=/dev/zero bs=1M count=2 >> /big 2>/dev/null; chmod 755 /big; /big gone /big 0`,
      inLayer,
    ],
    ["hosts", "dd if=/dev/zero of=/etc/hosts bs=1M count=2 2>/dev/null; echo > /done; sleep 1000", inLayer],
  ];
  // Files of memory, and two MiB that lie in the image; its programs are gone with it.
  const elsewhere = `${program} memory /big 2 & exec 5>/dev/shm/big; rm /dev/shm/big; ${written}; exec 6</bin/busybox; rm /bin/busybox; wait`;
  const holding = (name: string, command: string) =>
    limited(`held-${name}`, {
      command,
      mounts,
      tempStorageBytes: MIB,
      storageBytes: MIB,
      folders: [{ source: `code/held-${name}`, target: "/gemini/code" }],
    });
  const runs = holders.map(([name, command, sentence]) => ({ sentence, order: holding(name, command) }));
  const free = holding("elsewhere", elsewhere);

  host.order([...runs.map(({ order }) => order), free]);
  for (const order of [...runs.map((run) => run.order), free])
    await eventually(() => isDone(order), { what: `${order.runId} holds what it holds` });
  agent.setForward(MS_PER_MINUTE);

  // That stops are carried out is seen above; so many at once take a machine their time.
  for (const { order, sentence } of runs) {
    const detail = await eventually(() => stopSentence(host.observed(order.runId)?.detail), {
      what: `a stop of ${order.runId}`,
    });
    expect(detail).toMatch(sentence);
  }
  expect(host.observed(free.runId)).toMatchObject({ phase: "ready" });
});

test("what an owner's run has deleted and still open is in the owner's sample, and in nobody else's", async () => {
  const { host } = agent;
  const holding = limited("sampled", {
    command:
      "cd /gemini/code; exec 5>big; rm big; dd if=/dev/zero bs=1M count=2 >&5 2>/dev/null; echo > /done; sleep 1000",
    storageBytes: null,
    tempStorageBytes: null,
    folders: [{ source: "owned/code", target: "/gemini/code" }],
  });
  host.order([holding]);
  await eventually(() => isDone(holding), { what: "what is to be sampled" });
  host.sampledFolders = [
    { owner: "1", path: "owned/code" },
    { owner: "2", path: "others/code" },
  ];

  agent.setForward(2 * MS_PER_HOUR);

  const sums = await eventually(() => host.storageSums.length >= 2 && host.storageSums, {
    what: "the sample",
  });
  expect(sums[0]?.owner).toBe("1");
  expect(sums[0]?.bytes).toBeGreaterThanOrEqual(2 * MIB);
  expect(sums[0]?.bytes).toBeLessThan(3 * MIB);
  expect(sums[1]).toEqual({ owner: "2", bytes: 0 });
});

test("while a runtime is too slow to measure, no second round of it begins", async () => {
  const { host } = slowAgent;
  const steady = limited("steady", {
    storageBytes: LIMIT_BYTES,
    folders: [{ source: "code/steady", target: "/gemini/code" }],
  });
  host.order([steady]);
  await host.reported(steady.runId, { phase: "ready" });
  writeFileSync(join(slowAgent.poolRoot, "code/steady/big"), Buffer.alloc(17 * MIB));

  proxy.hold(isMeasuring);
  slowAgent.setForward(MS_PER_MINUTE);
  await eventually(() => proxy.held === 1, { what: "a measurement under way" });
  for (let minute = 2; minute <= 5; minute += 1) {
    const rows = host.usageOf(steady.runId).length;
    slowAgent.setForward(MS_PER_MINUTE);
    await eventually(() => host.usageOf(steady.runId).length > rows, { what: "another round of the agent" });
  }
  let requested = proxy.held;
  proxy.release();
  proxy.hold((method, url) => {
    if (isMeasuring(method, url)) requested += 1;
    return false;
  });
  await host.reported(steady.runId, { phase: "failed", problem: "storage-exceeded" });

  // The next round may be due at once; those of the five minutes have not piled up.
  expect(requested).toBeLessThanOrEqual(2);
});

describe("a disk that is nearly full", () => {
  const DISK_MIB = 256;
  /** Of this disk 77 MiB are kept free, and of the machine's own not more than 80. */
  const settings = { REMOTEGPU_DISK_FREE: "30", REMOTEGPU_DISK_FREE_BYTES: String(80 * MIB) };
  let small: AgentUnderTest;
  let stateDir: string;
  let runtime: RuntimeProxy;

  beforeAll(async () => {
    stateDir = mkdtempSync(join(tmpdir(), "rg-small-"));
    const image = join(stateDir, "disk");
    const pool = join(stateDir, "pool");
    mkdirSync(pool);
    execFileSync("truncate", ["-s", `${DISK_MIB}M`, image]);
    execFileSync("mkfs.ext4", ["-q", "-m", "0", image]);
    execFileSync("mount", ["-o", "loop", image, pool]);
    runtime = await RuntimeProxy.listen(`/tmp/rg-proxy-${newHostId()}.sock`);
    small = await AgentUnderTest.begin(controlPlane, { stateDir, settings, socketPath: runtime.socketPath });
  });
  afterAll(async () => {
    await small.end({ leavesFolder: true });
    await runtime.close();
    execFileSync("umount", ["-l", join(stateDir, "pool")]);
    rmSync(stateDir, { recursive: true });
  });

  const inFolder = (name: string, command: string) =>
    limited(name, { command, storageBytes: null, folders: [{ source: name, target: "/gemini/code" }] });
  /** Each time a look of some seconds later. */
  const onward = (holds: () => unknown, what: string) => {
    let steppedMs = Number.NEGATIVE_INFINITY;
    return eventually(
      () => {
        // Faster, the minutes that the guard looks back would be over before a measurement has ended.
        if (performance.now() - steppedMs >= STEP_MS) {
          steppedMs = performance.now();
          small.setForward(CHECK_MS);
        }
        return holds();
      },
      { what },
    );
  };
  /** Of two runs, both now: the second of two measurements begins after the first one's end. */
  const measured = async () => {
    let requests = 0;
    runtime.hold((method, url) => {
      if (isMeasuring(method, url)) requests += 1;
      return false;
    });
    await onward(() => requests > 2, "what both hold");
    runtime.release();
  };
  const isLow = () => small.host.heartbeats.at(-1)?.degraded.includes("disk-low") === true;

  test("has the run that fills it stopped and no other; nobody, and no start, where the host itself fills it", async () => {
    const { host } = small;
    const steady = inFolder(
      "steady-holder",
      "dd if=/dev/zero of=/gemini/code/kept bs=1M count=48 2>/dev/null; echo > /gemini/code/done; sleep 1000",
    );
    const filling = inFolder(
      "filling",
      "while ! test -e /gemini/code/go; do sleep 0.1; done; exec 5>/gemini/code/big; rm /gemini/code/big; dd if=/dev/zero bs=1M count=120 >&5 2>/dev/null; sleep 1000",
    );
    host.order([steady, filling]);
    await eventually(() => existsSync(join(small.poolRoot, "steady-holder/done")), {
      what: "what is held from before",
    });
    await host.reported(filling.runId, { phase: "ready" });
    // Until that was long ago.
    small.setForward(10 * MS_PER_MINUTE);
    await onward(() => !isLow() && host.heartbeats.length > 3, "a disk with room");
    // What a run has taken is known by what it held before.
    await measured();

    writeFileSync(join(small.poolRoot, "filling/go"), "");
    await onward(() => host.observed(filling.runId)?.phase === "failed", "the end of the one that fills it");

    expect(host.observed(filling.runId)).toMatchObject({
      problem: "disk-filled",
      detail: expect.stringMatching(
        /^Stopped: the host's disk was nearly full and this environment wrote most: \d+ MiB in the last minutes\.$/,
      ),
    });
    expect(host.heartbeats.some(({ degraded }) => degraded.includes("disk-low"))).toBe(true);
    await onward(() => !isLow(), "room again");
    expect(host.observed(steady.runId)).toMatchObject({ phase: "ready" });

    writeFileSync(join(small.poolRoot, "of-the-host"), Buffer.alloc(120 * MIB));
    await onward(isLow, "a host that fills its own disk");
    const late = inFolder("late", "sleep 1000");
    host.order([steady, late]);
    const reported = await onward(() => {
      const instance = host.observed(late.runId);
      return instance?.detail.includes("refuses new starts: its disk is nearly full") && instance;
    }, "a start that is refused");
    for (let check = 0; check < 8; check += 1) await onward(isLow, "still no room");
    expect(host.observed(steady.runId)).toMatchObject({ phase: "ready" });
    expect(reported).toMatchObject({ phase: "starting" });

    rmSync(join(small.poolRoot, "of-the-host"));
    await onward(() => host.observed(late.runId)?.phase === "ready", "a start once there is room");
  });
});
