/** Plays the faults of a drill one after the other, and judges each by what is seen of the agent from outside. */
import { setTimeout as delay } from "node:timers/promises";
import {
  DRILL_FAULT_KINDS,
  DRILL_FAULTS,
  type DrillFault,
  type PlayedFault,
} from "@remotegpu/shared/messages/drill-report";
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import {
  CLOCK_JUMP_MS,
  type Drill,
  type DrillSight,
  isFinal,
  isNoticed,
  notNoticed,
  whatLacks,
} from "../../core/drill/drill-sight.ts";
import type { DrillFolder, Switches } from "../../host/drill-folder.ts";
import { type Hands, UnplayableError } from "./hands.ts";

const LOOK_EVERY_MS = 1_000;

export type DrillParts = {
  drill: Drill;
  hands: Hands;
  folder: DrillFolder;
  /** This process, by which the agent knows that the drill still runs. */
  self: Pick<Switches, "pid" | "startTicks">;
  sight: () => DrillSight;
  onPlayed?: (played: PlayedFault) => void;
};

/** What is played is taken back also where it fails. */
export async function playFaults(
  parts: DrillParts,
  faults: readonly DrillFault[] = DRILL_FAULTS,
): Promise<PlayedFault[]> {
  const played: PlayedFault[] = [];
  for (const fault of faults) {
    const one = await playFault(fault, parts);
    played.push(one);
    parts.onPlayed?.(one);
  }
  return played;
}

async function playFault(fault: DrillFault, parts: DrillParts): Promise<PlayedFault> {
  const begunMs = performance.now();
  const reason = await reasonOf(fault, parts);
  return {
    fault,
    kind: DRILL_FAULT_KINDS[fault],
    result: reason === null ? "passed" : "failed",
    seconds: Math.round((performance.now() - begunMs) / 100) / 10,
    reason,
  };
}

async function reasonOf(fault: DrillFault, parts: DrillParts): Promise<HostReason | null> {
  const { sight, drill } = parts;
  const before = sight();
  let unnoticed: HostReason | null;
  try {
    await begin(fault, parts);
    unnoticed = await within(drill.limits.noticedMs, () =>
      isNoticed(fault, before, sight(), drill) ? null : notNoticed(drill),
    );
  } catch (error) {
    if (!(error instanceof UnplayableError)) throw error;
    unnoticed = { code: "drill-not-played", params: { why: error.message } };
  } finally {
    await takeBack(fault, parts);
  }
  const over = sight();
  const lacking = await within(drill.limits.overMs, () =>
    whatLacks(fault, { before, over, now: sight(), drill }),
  );
  return unnoticed ?? lacking;
}

async function begin(fault: DrillFault, { hands, folder, self, drill }: DrillParts): Promise<void> {
  const none = { ...self, clockAheadMs: 0, lostCard: null };
  switch (fault) {
    case "agent-kill":
      return hands.killAgent();
    case "clock-jump":
      return folder.setSwitches({ ...none, clockAheadMs: CLOCK_JUMP_MS });
    case "lost-network":
      return hands.cutNetwork();
    case "disk-full":
      return hands.fillDisk();
    case "runtime-restart":
      return hands.restartRuntime();
    case "lost-card":
      if (drill.card === null) throw new UnplayableError("this host has no card");
      return folder.setSwitches({ ...none, lostCard: drill.card.uuid as GpuUuid });
  }
}

async function takeBack(fault: DrillFault, { hands, folder, self }: DrillParts): Promise<void> {
  if (fault === "lost-network") await hands.mendNetwork();
  folder.cleanUp();
  folder.setSwitches({ ...self, clockAheadMs: 0, lostCard: null });
}

/** Until nothing lacks any more; what lacked last where the time is over. */
async function within(withinMs: number, lacking: () => HostReason | null): Promise<HostReason | null> {
  let reason: HostReason | null = null;
  await isSoon(withinMs, () => {
    reason = lacking();
    return reason === null || isFinal(reason);
  });
  return reason;
}

/** Whether it becomes so within this time. */
export async function isSoon(withinMs: number, isSo: () => boolean): Promise<boolean> {
  const endMs = performance.now() + withinMs;
  while (!isSo()) {
    if (performance.now() >= endMs) return false;
    await delay(LOOK_EVERY_MS);
  }
  return true;
}
