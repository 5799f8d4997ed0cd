/** When a card counts as healthy, when the host takes it out of service, and how it comes back. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { GpuReport } from "@remotegpu/shared/host-report";
import type { GpuUuid } from "@remotegpu/shared/ids";
import {
  afterRefusals,
  afterSample,
  afterXids,
  closedGpus,
  judged,
  lostGpus,
  MAX_PROBE_SAMPLES,
  PROBE_SAMPLES,
  refusedToContainers,
  samplesNeeded,
  withoutCordon,
  type Cards,
} from "@remotegpu/agent/core/gpus/gpu-health";
import type { Xid } from "@remotegpu/agent/core/gpus/xid-line";
import { aGpuReport, CARD_A, CARD_B } from "../../../../support/samples/gpu-reports.ts";

const A = CARD_A as GpuUuid;
const B = CARD_B as GpuUuid;
const both = [aGpuReport(), aGpuReport({ uuid: B, index: 1, pciBusId: "00000000:66:00.0" })];
const xid = (code: number, bus = "65"): Xid => ({
  code,
  busKey: `00000000:${bus}:00`,
  pid: null,
  detail: "",
});

const WHY = "The device rules keep a container from it.";

/** A host's cards over time; each sample is ten seconds after the one before. */
class Host {
  cards: Cards = new Map();
  nowMs = 0;

  sample(gpus: readonly GpuReport[] = both, held: readonly GpuUuid[] = []): this {
    this.nowMs += 10_000;
    this.cards = afterSample(this.cards, { gpus, held: new Set(held), nowMs: this.nowMs });
    return this;
  }

  hears(xids: Xid[], isHistory = false): this {
    this.nowMs += 1;
    this.cards = afterXids(this.cards, xids, { nowMs: this.nowMs, isHistory });
    return this;
  }

  probes({ refused = [], passed = [] }: { refused?: readonly GpuUuid[]; passed?: readonly GpuUuid[] }): this {
    this.nowMs += 1;
    const told = { refused: new Map(refused.map((uuid) => [uuid, WHY])), passed: new Set(passed) };
    this.cards = afterRefusals(this.cards, told, this.nowMs);
    return this;
  }

  healthOf(gpu: GpuReport): string {
    return judged(gpu, this.cards.get(gpu.uuid)).health;
  }

  cordonOf(uuid: GpuUuid): string | undefined {
    return this.cards.get(uuid)?.cordon?.kind;
  }
}
const host = () => new Host().sample();

describe("health", () => {
  test.each([
    ["all is well", {}, "healthy", []],
    ["no card tells errors and limit", { eccUncorrected: null, temperatureLimitC: null }, "healthy", []],
    ["one degree below the limit", { temperatureC: 89 }, "healthy", []],
    ["at the limit", { temperatureC: 90 }, "degraded", ["It is at 90 °C, its limit."]],
    [
      "with errors from before we looked",
      { eccUncorrected: 7 },
      "degraded",
      ["Uncorrectable memory errors since the driver came up: 7."],
    ],
    [
      "a row that waits for a reset",
      { repairPending: true },
      "degraded",
      ["A memory row or page waits for a reset of the card."],
    ],
    [
      "clocks held down by heat",
      { throttleReasons: ["sw_power_cap", "hw_thermal_slowdown"] },
      "degraded",
      ["Its clocks are held down: hw_thermal_slowdown."],
    ],
    ["clocks held down by a power limit", { throttleReasons: ["sw_power_cap", "gpu_idle"] }, "healthy", []],
  ])("%s", (_what, values, health, reasons) => {
    const gpu = aGpuReport(values);

    expect(judged(gpu, new Host().sample([gpu]).cards.get(A))).toMatchObject({
      health,
      reasons,
      cordon: null,
    });
  });

  test("a card that never told anything is unknown; one that stopped telling is degraded", () => {
    const silent = aGpuReport({ memoryUsedMib: null, temperatureC: null, powerW: null });

    expect(new Host().sample([silent]).healthOf(silent)).toBe("unknown");
    expect(
      host()
        .sample([silent, ...both.slice(1)])
        .healthOf(silent),
    ).toBe("degraded");
  });
});

describe("out of service", () => {
  test.each([
    ["errors that grow", { eccUncorrected: 1 }, "Uncorrectable memory errors: 1 more than before."],
    ["a row that could not be replaced", { repairFailed: true }, "A memory row could not be replaced."],
  ])("%s keep new work away, and what runs goes on", (_what, values, reason) => {
    const gpu = aGpuReport(values);
    const after = host().sample([gpu, ...both.slice(1)], [A]);

    expect(judged(gpu, after.cards.get(A))).toMatchObject({
      health: "unhealthy",
      cordon: { kind: "drain", sinceMs: 20_000 },
    });
    expect([...closedGpus(after.cards)]).toEqual([[A, reason]]);
    expect(lostGpus(after.cards).size).toBe(0);
  });

  test("a card that is gone is lost, and its neighbour is not", () => {
    const after = host().sample(both.slice(1), [A, B]);

    expect([...lostGpus(after.cards)]).toEqual([
      [A, { cause: "gpu-missing", detail: expect.stringContaining("gone from this host") }],
    ]);
    expect(after.healthOf(both[1]!)).toBe("healthy");
  });

  test.each([
    [13, undefined, undefined],
    [48, "drain", undefined],
    [79, "fatal", "gpu-failed"],
    [9999, undefined, undefined],
  ])("Xid %i makes %s", (code, kind, cause) => {
    const after = host().hears([xid(code)]);

    expect(after.cordonOf(A)).toBe(kind);
    expect(lostGpus(after.cards).get(A)?.cause).toBe(cause);
    expect(after.cordonOf(B)).toBeUndefined();
  });

  test("an Xid of a card that nobody knows changes nothing", () => {
    const before = host();

    expect(afterXids(before.cards, [xid(79, "ff")], { nowMs: 1, isHistory: false })).toEqual(before.cards);
  });

  test("an Xid from before anybody watched keeps new work away but fails nothing", () => {
    const after = host().hears([xid(79)], true);

    expect(after.cordonOf(A)).toBe("drain");
    expect(lostGpus(after.cards).size).toBe(0);
  });

  test("the graver sign stands: a drain becomes fatal, a fatal one stays with its moment and reason", () => {
    const drained = host().hears([xid(48)]);
    const failed = drained.hears([xid(79)]);
    const sinceMs = failed.cards.get(A)?.cordon?.sinceMs;

    failed.hears([xid(48)]).hears([xid(95)]);

    expect(failed.cards.get(A)?.cordon).toMatchObject({ kind: "fatal", sinceMs, reason: /Xid 79/ });
  });

  test("the last good moment is that of the last sample before the sign", () => {
    const after = host()
      .sample()
      .hears([xid(79)])
      .sample()
      .sample();

    expect(after.cards.get(A)?.lastGoodMs).toBe(20_000);
    expect(after.cards.get(B)?.lastGoodMs).toBe(after.nowMs);
  });

  test("a card that only drains is good for what runs on it", () => {
    const after = host()
      .hears([xid(48)])
      .sample();

    expect(after.cards.get(A)?.lastGoodMs).toBe(after.nowMs);
  });
});

describe("the way back", () => {
  const samples = (of: Host, count: number, ...args: Parameters<Host["sample"]>): Host => {
    for (let n = 0; n < count; n++) of.sample(...args);
    return of;
  };

  test.each([
    ["a failed card", 79],
    ["a drained card", 48],
  ])("%s is back after a row of good samples, exactly", (_what, code) => {
    const after = samples(host().hears([xid(code)]), PROBE_SAMPLES - 1);

    expect(after.cordonOf(A)).toBeDefined();
    after.sample();
    expect(after.cordonOf(A)).toBeUndefined();
    expect(after.cards.get(A)?.lastGoodMs).toBe(after.nowMs);
    expect(after.healthOf(both[0]!)).toBe("healthy");
  });

  test("a card that was gone comes back the same way", () => {
    const after = host().sample(both.slice(1));

    samples(after, 20, both.slice(1));
    expect(lostGpus(after.cards).get(A)?.cause).toBe("gpu-missing");
    after.sample();
    expect(lostGpus(after.cards).get(A)?.cause).toBe("gpu-failed");
    samples(after, PROBE_SAMPLES - 1);
    expect(after.cordonOf(A)).toBeUndefined();
  });

  test("the row begins when nothing holds the card any more", () => {
    const after = samples(host().hears([xid(48)]), 50, both, [A]);

    expect(after.cordonOf(A)).toBe("drain");
    expect(samples(after, PROBE_SAMPLES).cordonOf(A)).toBeUndefined();
  });

  test.each([
    ["an answer without readings", { memoryUsedMib: null, temperatureC: null, powerW: null }],
    ["a repair that waits for a reset", { repairPending: true }],
    ["more errors", { eccUncorrected: 5 }],
  ])("%s begins it anew", (_what, values) => {
    const after = samples(host().hears([xid(48)]), PROBE_SAMPLES - 1);

    after.sample([aGpuReport(values), ...both.slice(1)]);
    samples(after, PROBE_SAMPLES - 1);

    expect(after.cordonOf(A)).toBe("drain");
    expect(after.sample().cordonOf(A)).toBeUndefined();
  });

  test("each further cordon of a boot takes twice as long, up to an hour", () => {
    expect([1, 2, 3, 6, 7, 100].map(samplesNeeded)).toEqual([6, 12, 24, 192, MAX_PROBE_SAMPLES, 360]);
    const after = samples(
      samples(host().hears([xid(79)]), PROBE_SAMPLES).hears([xid(79)]),
      PROBE_SAMPLES * 2 - 1,
    );

    expect(after.cordonOf(A)).toBe("fatal");
    expect(after.sample().cordonOf(A)).toBeUndefined();
  });

  test("an administrator's word lifts the cordon that was meant and no later one", () => {
    const after = host().hears([xid(48)]);
    const sinceMs = after.cards.get(A)?.cordon?.sinceMs ?? 0;

    expect(withoutCordon(after.cards, { uuid: A, sinceMs: sinceMs - 1 })).toBe(after.cards);
    expect(withoutCordon(after.cards, { uuid: B, sinceMs })).toBe(after.cards);
    expect(withoutCordon(after.cards, { uuid: A, sinceMs }).get(A)?.cordon).toBeNull();
  });
});

test("whatever happens to one card, the other stays as it is", () => {
  const sign = fc.oneof(
    fc.record({ xid: fc.integer({ min: 1, max: 200 }) }),
    fc.record({
      isThere: fc.boolean(),
      eccUncorrected: fc.nat(9),
      repairFailed: fc.boolean(),
      isHeld: fc.boolean(),
    }),
  );
  fc.assert(
    fc.property(fc.array(sign, { maxLength: 40 }), (signs) => {
      const after = host();
      for (const one of signs) {
        if ("xid" in one) after.hears([xid(one.xid)]);
        else {
          const { isThere, isHeld, ...values } = one;
          after.sample([...(isThere ? [aGpuReport(values)] : []), both[1]!], isHeld ? [A, B] : [B]);
        }
        const card = after.cards.get(A);
        expect(after.cards.get(B)).toMatchObject({ cordon: null, cordons: 0 });
        expect(lostGpus(after.cards).has(A)).toBe(card?.cordon?.kind === "fatal");
        expect(card?.lastGoodMs).toBeLessThanOrEqual(after.nowMs);
      }
    }),
  );
});

describe("a card that a container is refused", () => {
  test("takes nothing new, keeps what runs, and its neighbour is as before", () => {
    const after = host().probes({ refused: [A] });

    expect([...closedGpus(after.cards)]).toEqual([[A, WHY]]);
    expect(lostGpus(after.cards).size).toBe(0);
    expect([after.cordonOf(A), after.cordonOf(B)]).toEqual(["drain", undefined]);
    expect(refusedToContainers(after.cards)).toEqual(new Set([A]));
  });

  test("opens at once when its holder has it again", () => {
    const after = host()
      .probes({ refused: [A] })
      .sample(both, [A])
      .probes({ passed: [A, B] });

    expect(closedGpus(after.cards).size).toBe(0);
  });

  test("comes back by a row of good samples once nobody holds it", () => {
    const after = host().probes({ refused: [A] });
    for (let sample = 1; sample < PROBE_SAMPLES; sample += 1) after.sample();
    expect(closedGpus(after.cards).size).toBe(1);

    expect(closedGpus(after.sample().cards).size).toBe(0);
  });

  test.each([
    [
      "before",
      () =>
        host()
          .hears([xid(48)])
          .probes({ refused: [A] }),
    ],
    [
      "after",
      () =>
        host()
          .probes({ refused: [A] })
          .hears([xid(48)]),
    ],
  ])("stays closed for an error of its own, from %s", (_when, begin) => {
    const after = begin().probes({ passed: [A] });

    expect([...closedGpus(after.cards).values()]).toEqual([expect.stringContaining("Xid 48")]);
    expect(refusedToContainers(after.cards).size).toBe(0);
  });

  test("fails with a fatal error as any card does", () => {
    const after = host()
      .probes({ refused: [A] })
      .hears([xid(79)])
      .probes({ refused: [A], passed: [] });

    expect([...lostGpus(after.cards).keys()]).toEqual([A]);
  });

  test("is no card that this host does not have", () => {
    const elsewhere = "GPU-99999999-0000-4000-8000-000000000000" as GpuUuid;

    expect([
      ...host()
        .probes({ refused: [elsewhere], passed: [elsewhere] })
        .cards.keys(),
    ]).toEqual([A, B]);
  });
});
