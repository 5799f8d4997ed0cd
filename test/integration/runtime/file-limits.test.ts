/** How many files a run may have, end to end: real containers write them, and those beyond are stopped. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { countFiles } from "@remotegpu/agent/runtime/storage/file-count";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";
import { eventually } from "../../support/eventually.ts";
import { desiredOf } from "../../support/samples/desired-instance.ts";

/** Of the small disk a quarter is less than the setting; 6 of a hundred are kept free. */
const DISK_FILES = 8_000;
const SETTING = 3_000;
const live = { stopGraceSeconds: 1, onDisconnect: "keep", stopAfterSeconds: null } as const;

let controlPlane: ScriptedControlPlane;
let agent: AgentUnderTest;
let stateDir: string;

beforeAll(async () => {
  controlPlane = await ScriptedControlPlane.start();
  stateDir = mkdtempSync(join(tmpdir(), "rg-files-"));
  mkdirSync(join(stateDir, "pool"));
  execFileSync("mount", [
    "-t",
    "tmpfs",
    "-o",
    `size=64m,nr_inodes=${DISK_FILES}`,
    "tmpfs",
    join(stateDir, "pool"),
  ]);
  const settings = { REMOTEGPU_RUN_FILES: String(SETTING), REMOTEGPU_DISK_FREE: "6" };
  agent = await AgentUnderTest.begin(controlPlane, { stateDir, settings });
});
afterAll(async () => {
  await agent.end({ leavesFolder: true });
  execFileSync("umount", ["-l", join(stateDir, "pool")]);
  rmSync(stateDir, { recursive: true });
  await controlPlane.close();
});

const files = (where: string, count: number) =>
  `mkdir -p ${where}/many && cd ${where}/many && seq 1 ${count} | xargs touch; echo done > /tmp/done; sleep 1000`;
const job = (name: string, command: string): DesiredInstance =>
  desiredOf(
    name,
    { kind: "training", command, restarts: "never", folders: [{ source: name, target: "/gemini/output" }] },
    { live },
  );

async function hasWritten({ instanceId }: DesiredInstance): Promise<boolean> {
  const argv: [string, ...string[]] = ["test", "-e", "/tmp/done"];
  const reply = await controlPlane.orders.exec(agent.hostId, {
    kind: "exec",
    instanceId,
    argv,
    stdin: null,
    timeoutSeconds: 30,
  });
  return reply.kind === "exec-reply" && reply.exitCode === 0;
}

test("one with too many in its output, and one with too many beside it, are stopped with that reason; others run on", async () => {
  const { host } = agent;
  const output = job("output", files("/gemini/output", 2_500));
  const layer = job("layer", files("/var", 3_500));
  const within = job("within", files("/gemini/output", 1_500));
  host.order([output, layer, within]);
  // A slow machine takes a minute for it, at which the agent counts by itself.
  const isStopped = ({ runId }: DesiredInstance) => host.observed(runId)?.phase === "failed";
  for (const order of [output, layer, within])
    await eventually(async () => isStopped(order) || (await hasWritten(order)), {
      withinMs: 60_000,
      what: `files of ${order.runId}`,
    });
  agent.setForward(MS_PER_MINUTE);

  const [ofOutput, ofLayer] = [
    await host.reported(output.runId, { phase: "failed" }),
    await host.reported(layer.runId, { phase: "failed" }),
  ];

  expect(ofOutput).toMatchObject({
    problem: "storage-exceeded",
    detail:
      "Stopped: it has more than 2,000 files in code and output, which is the most that one may have on its host.",
  });
  expect(ofLayer).toMatchObject({
    problem: "storage-exceeded",
    detail: expect.stringContaining("3,000 files in its own file system"),
  });
  expect(host.observed(within.runId)).toMatchObject({ phase: "ready" });
});

test("a disk with few files left is low, and nothing new begins there", async () => {
  const { host } = agent;
  const others = join(stateDir, "pool", "of-others");
  mkdirSync(others, { recursive: true });
  for (let number = 0; number < 3_700; number += 1) writeFileSync(join(others, String(number)), "");

  await eventually(
    () => {
      agent.setForward(5_000);
      return host.heartbeats.at(-1)?.degraded.includes("disk-low");
    },
    { withinMs: 60_000, what: "a disk that is low" },
  );
  const late = job("late", "true");
  host.order([late]);

  const refused = await eventually(
    () => {
      const reported = host.observed(late.runId);
      return reported?.detail.includes("its disk is nearly full") === true && reported;
    },
    { what: "a start that is refused" },
  );
  expect(refused).toMatchObject({ phase: "starting", problem: "start-refused", containerId: null });
  rmSync(others, { recursive: true });
  await eventually(
    () => {
      agent.setForward(5_000);
      return host.observed(late.runId)?.phase === "stopped";
    },
    { withinMs: 60_000, what: "a start once there is room" },
  );
});

test("a count goes no further than it must, follows no link, and counts what is deep or oddly named", async () => {
  const folder = mkdtempSync(join(tmpdir(), "rg-count-"));
  try {
    mkdirSync(join(folder, "a\nb", "-c", "d"), { recursive: true });
    for (let number = 0; number < 100; number += 1) writeFileSync(join(folder, "a\nb", String(number)), "");
    execFileSync("ln", ["-s", "/usr", join(folder, "usr")]);

    expect(await countFiles([folder], 1_000)).toBe(104);
    expect(await countFiles([folder], 104)).toBe(104);
    expect(await countFiles([folder], 50)).toBe(51);
    expect(await countFiles([], 50)).toBe(0);
    expect(await countFiles([join(folder, "is-not-there")], 50)).toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
