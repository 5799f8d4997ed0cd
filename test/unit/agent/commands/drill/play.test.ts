/** The course of a drill on a host that is told what to notice: each fault is begun, judged and taken back. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Hands, UnplayableError } from "@remotegpu/agent/commands/drill/hands";
import { type DrillParts, playFaults } from "@remotegpu/agent/commands/drill/play";
import type { DrillSight } from "@remotegpu/agent/core/drill/drill-sight";
import { DrillFolder } from "@remotegpu/agent/host/drill-folder";
import { DRILL_FAULTS, type DrillFault } from "@remotegpu/shared/messages/drill-report";
import { GpuUuid, type BootId, type InstanceId, type RunId } from "@remotegpu/shared/values/ids";

const CANARY = "run-canary" as RunId;
const CARD = GpuUuid.parse("GPU-11111111-1111-1111-1111-111111111111");
/** What is not so at the first look is given up at once. */
const LIMITS = { noticedMs: 0, overMs: 0 };
const SELF = { pid: 7, startTicks: 70 };

let stateDir: string;
let folder: DrillFolder;
/** As the host's network is, and the agent's process. */
let isCut: boolean;
let pid: number;
let ticks: number;
/** Faults that the agent of this host does not notice. */
let blind: Set<DrillFault>;

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), "drill-play-"));
  folder = new DrillFolder(stateDir);
  folder.setSwitches({ ...SELF, clockAheadMs: 0, lostCard: null });
  isCut = false;
  pid = 100;
  ticks = 3;
  blind = new Set();
});
afterEach(() => rmSync(stateDir, { recursive: true }));

/** As an agent would have it that sees all but what it is blind to. */
function sight(): DrillSight {
  const { clockAheadMs = 0, lostCard = null } = folder.switches() ?? {};
  const isFull = existsSync(folder.fillerFile);
  const sees = (fault: DrillFault, isThere: boolean) => isThere && !blind.has(fault);
  return {
    nowMs: 10_000,
    wallMs: 1_000_000,
    health: {
      version: "0.2.0",
      pid: blind.has("agent-kill") ? 100 : pid,
      bootId: "boot" as BootId,
      agentEpoch: 1,
      startedMs: 0,
      readyMs: 1,
      writtenMs: 10_000,
      heartbeats: 5,
      controlPlane: sees("lost-network", isCut) ? "away" : "connected",
      ticks,
      lastTickMs: 9_000,
      instances: [
        { instanceId: "env-1" as InstanceId, runId: CANARY, pid: 8, startTicks: 80, state: "running" },
      ],
      unorderedEnds: 0,
      wallMs: 1_000_000 + (blind.has("clock-jump") ? 0 : clockAheadMs),
      degraded: sees("disk-full", isFull) ? ["drill", "disk-low"] : ["drill"],
      gpus: [{ uuid: CARD, state: sees("lost-card", lostCard === CARD) ? "missing" : "well" }],
    },
    canary: { hasEnded: false, meteredToMs: 9_000 },
    journal: { headSeq: 4, confirmedSeq: 4, broken: [] },
    leases: "[]",
  };
}

function parts(hands: Partial<Hands> = {}): DrillParts {
  return {
    drill: { canary: CANARY, hasLiveRestore: true, card: { uuid: CARD, isCanarys: false }, limits: LIMITS },
    hands: {
      killAgent: async () => void (pid += 1),
      restartRuntime: async () => void (ticks += 2),
      async cutNetwork() {
        isCut = true;
        ticks += 2;
      },
      mendNetwork: async () => void (isCut = false),
      fillDisk: async () => writeFileSync(folder.fillerFile, "room"),
      ...hands,
    },
    folder,
    self: SELF,
    sight,
  };
}

const results = async (hands: Partial<Hands> = {}) =>
  (await playFaults(parts(hands))).map(({ fault, reason }) => [fault, reason?.code ?? null]);
const PASSED = DRILL_FAULTS.map((fault) => [fault, null]);
const failing = (failed: DrillFault, code: string) =>
  PASSED.map(([fault, reason]) => [fault, fault === failed ? code : reason]);

/** A drill goes on to say that it runs; all that it had played is taken back. */
function expectNothingLeft(): void {
  expect(isCut).toBe(false);
  expect(existsSync(folder.fillerFile)).toBe(false);
  expect(folder.switches()).toEqual({ ...SELF, clockAheadMs: 0, lostCard: null });
}

test("on a host that notices everything each fault passes, in order, and nothing is left of it", async () => {
  expect(await results()).toEqual(PASSED);
  expectNothingLeft();
});

test.each<DrillFault>(["agent-kill", "clock-jump", "lost-network", "disk-full", "lost-card"])(
  "an agent that does not notice %s fails just that one, which is taken back all the same",
  async (fault) => {
    blind.add(fault);

    expect(await results()).toEqual(failing(fault, "drill-not-noticed"));
    expectNothingLeft();
  },
);

test("a fault that stays fails by name, and those after it are played", async () => {
  const mendNetwork = async () => undefined;

  const [, , network, ...after] = await results({ mendNetwork });

  expect(network).toEqual(["lost-network", "drill-cut-off"]);
  expect(after.map(([fault]) => fault)).toEqual(["disk-full", "runtime-restart", "lost-card"]);
});

test("what cannot be played fails with the reason, and the others are played", async () => {
  const fillDisk = () => Promise.reject(new UnplayableError("there is no room"));

  expect(await results({ fillDisk })).toEqual(failing("disk-full", "drill-not-played"));
  expectNothingLeft();
});

test("what nobody foresaw ends the drill, once it was taken back", async () => {
  const cutNetwork = async () => {
    isCut = true;
    throw new TypeError("a bug");
  };

  await expect(results({ cutNetwork })).rejects.toThrow("a bug");
  expectNothingLeft();
});
