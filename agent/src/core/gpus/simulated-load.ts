/**
 * How the readings of a simulated card move: they approach what its containers ask for, each at its own pace,
 * so that memory fills within seconds and heat within minutes. The same inputs give the same readings.
 */

/** Whole numbers in small units: the shell that prints them has no fractions, and small steps are not lost. */
export type SimulatedReadings = {
  memoryUsedKib: number;
  utilizationThousandths: number;
  temperatureMilliC: number;
  powerMilliW: number;
};

export type SimulatedCard = { index: number; memoryTotalMib: number; powerLimitW: number };

/** One container that holds the card. Where its CPU use is not known, it is taken to be busy. */
export type SimulatedUse = { memoryMib: number; cpuPercent: number | null };

const IDLE_MILLI_C = 31_000;
const BUSY_MILLI_C = 78_000;
const IDLE_POWER_SHARE = 0.13;
const BUSY_POWER_SHARE = 0.93;
const ASSUMED_BUSY_PERCENT = 70;
/** Work comes in waves: up to ± 20 % of it, with this period, each card at another phase. */
const WAVE_SHARE = 0.2;
const WAVE_PERIOD_MS = 45_000;
const KIB_PER_MIB = 1024;
/** Seconds after which about two thirds of the way is done. */
const PACE_MS = { memory: 4_000, utilization: 2_000, temperature: 40_000 };

export function idleReadings(card: SimulatedCard): SimulatedReadings {
  return {
    memoryUsedKib: 0,
    utilizationThousandths: 0,
    temperatureMilliC: IDLE_MILLI_C,
    powerMilliW: powerAt(card, 0),
  };
}

export function nextReadings({
  card,
  previous,
  uses,
  elapsedMs,
  nowMs,
}: {
  card: SimulatedCard;
  previous: SimulatedReadings;
  uses: readonly SimulatedUse[];
  elapsedMs: number;
  nowMs: number;
}): SimulatedReadings {
  const wanted = targetsOf(card, uses, nowMs);
  const utilizationThousandths = approach(
    previous.utilizationThousandths,
    wanted.utilizationThousandths,
    elapsedMs / PACE_MS.utilization,
  );
  const heat = utilizationThousandths / 1000;
  return {
    memoryUsedKib: approach(previous.memoryUsedKib, wanted.memoryUsedKib, elapsedMs / PACE_MS.memory),
    utilizationThousandths,
    temperatureMilliC: approach(
      previous.temperatureMilliC,
      IDLE_MILLI_C + heat * (BUSY_MILLI_C - IDLE_MILLI_C),
      elapsedMs / PACE_MS.temperature,
    ),
    powerMilliW: powerAt(card, heat),
  };
}

function targetsOf(card: SimulatedCard, uses: readonly SimulatedUse[], nowMs: number) {
  const memoryMib = uses.reduce((sum, use) => sum + use.memoryMib, 0);
  const busyPercent = uses.reduce((sum, use) => sum + (use.cpuPercent ?? ASSUMED_BUSY_PERCENT), 0);
  const wave = 1 + WAVE_SHARE * Math.sin((2 * Math.PI * nowMs) / WAVE_PERIOD_MS + card.index);
  return {
    memoryUsedKib: Math.min(memoryMib, card.memoryTotalMib) * KIB_PER_MIB,
    utilizationThousandths: Math.min(1000, Math.max(0, busyPercent * 10 * wave)),
  };
}

/** `paces` of the way on an exponential curve; the last unit is always reached. */
function approach(from: number, to: number, paces: number): number {
  const moved = from + (to - from) * (1 - Math.exp(-Math.max(0, paces)));
  return to > from ? Math.ceil(moved) : Math.floor(moved);
}

function powerAt(card: SimulatedCard, heat: number): number {
  const share = IDLE_POWER_SHARE + heat * (BUSY_POWER_SHARE - IDLE_POWER_SHARE);
  return Math.round(card.powerLimitW * 1000 * share);
}
