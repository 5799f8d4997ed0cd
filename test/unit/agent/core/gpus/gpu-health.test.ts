/** When a card counts as healthy, when the host takes it out of service, and how it comes back. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { GpuReport } from "@remotegpu/shared/messages/host-report";
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import {
  afterRefusals,
  afterFindings,
  afterSample,
  closedGpus,
  lostGpus,
  MAX_PROBE_SAMPLES,
  PROBE_SAMPLES,
  refusedToContainers,
  samplesNeeded,
  withoutCordon,
  withSwitched,
  type Cards,
} from "@remotegpu/agent/core/gpus/gpu-health";
import {
  conditionOf,
  NO_FINDINGS,
  signOf,
  type GpuCondition,
} from "@remotegpu/agent/core/gpus/gpu-condition";
import { judged } from "@remotegpu/agent/core/gpus/gpu-judgement";
import type { KernelEffect, KernelFinding } from "@remotegpu/agent/core/gpus/kernel-lines/kernel-finding";
import { aGpuReport, CARD_A, CARD_B } from "../../../../support/samples/reports/gpu-reports.ts";

const A = CARD_A as GpuUuid;
const B = CARD_B as GpuUuid;
const both = [aGpuReport(), aGpuReport({ uuid: B, index: 1, pciBusId: "00000000:66:00.0" })];
const finding = (code: string, effect: KernelEffect, bus = "65"): KernelFinding => ({
  target: { kind: "gpu", busKey: `00000000:${bus}:00` },
  code,
  effect,
  reason: `${code}: a reason.`,
  pid: null,
});
const DRAIN = finding("xid-48", "drain");
const FATAL = finding("xid-79", "reset");
const silent = { memoryUsedMib: null, temperatureC: null, powerW: null };
const textWith = (output: Partial<GpuCondition>): GpuCondition => ({ ...NO_FINDINGS, ...output });
const RESET = textWith({ sign: signOf("requires-reset") });

const WHY: HostReason = { code: "gpu-refused-to-container", params: {} };

/** A host's cards over time; each sample is ten seconds after the one before. */
class Host {
  cards: Cards = new Map();
  nowMs = 0;

  sample(gpus: readonly GpuReport[] = both, held: readonly GpuUuid[] = [], ofA?: GpuCondition): this {
    this.nowMs += 10_000;
    const conditions = new Map(ofA === undefined ? [] : [[A, ofA]]);
    this.cards = afterSample(this.cards, { gpus, conditions, held: new Set(held), nowMs: this.nowMs });
    return this;
  }

  /** A sample in which the first card says this beyond its values. */
  text(ofA: GpuCondition, held: readonly GpuUuid[] = []): this {
    return this.sample(both, held, ofA);
  }

  hears(findings: KernelFinding[], isHistory = false): this {
    this.nowMs += 1;
    this.cards = afterFindings(this.cards, findings, { nowMs: this.nowMs, isHistory });
    return this;
  }

  probes({ refused = [], passed = [] }: { refused?: readonly GpuUuid[]; passed?: readonly GpuUuid[] }): this {
    this.nowMs += 1;
    const reported = { refused: new Map(refused.map((uuid) => [uuid, WHY])), passed: new Set(passed) };
    this.cards = afterRefusals(this.cards, reported, this.nowMs);
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
const closedTexts = (cards: Cards) => [...closedGpus(cards)].map(([uuid, why]) => [uuid, textOf(why)]);

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
    expect(closedTexts(after.cards)).toEqual([[A, reason]]);
    expect(lostGpus(after.cards).size).toBe(0);
  });

  test("a card that the sample could not read stays as it was, listed or not", () => {
    const host = new Host().sample().text(RESET);
    const before = host.cards;
    const at = { held: new Set<GpuUuid>(), nowMs: 30_000 };

    const unread = { ...at, unread: new Set([A, B]) };

    for (const gpus of [both, []]) expect(afterSample(before, { gpus, ...unread })).toEqual(before);
    expect(lostGpus(before).size).toBe(0);
    expect([...lostGpus(afterSample(before, { gpus: [], ...at })).keys()]).toEqual([A, B]);
  });

  test("a card that is gone is lost, and its neighbour is not", () => {
    const after = host().sample(both.slice(1), [A, B]);

    expect([...lostGpus(after.cards)]).toEqual([
      [
        A,
        {
          cause: "gpu-missing",
          detail: `GPU ${A} is gone from this host. It is gone: nvidia-smi no longer lists it (not-listed).`,
          reason: expect.objectContaining({ code: "gpu-gone-from-host" }),
        },
      ],
    ]);
    expect(after.healthOf(both[1]!)).toBe("healthy");
  });

  test.each([
    ["ignore", undefined, undefined],
    ["note", undefined, undefined],
    ["program-fault", undefined, undefined],
    ["drain", "drain", undefined],
    ["reset", "fatal", "gpu-failed"],
    ["reboot", "fatal", "gpu-failed"],
    ["replace", "fatal", "gpu-failed"],
  ] as const)("a kernel finding to %s makes %s", (effect, kind, cause) => {
    const after = host().hears([finding("xid-1", effect)]);

    expect(after.cordonOf(A)).toBe(kind);
    expect(lostGpus(after.cards).get(A)?.cause).toBe(cause);
    expect(after.cards.get(A)?.cordon?.code).toBe(kind && "xid-1");
    expect(after.cordonOf(B)).toBeUndefined();
  });

  test("a finding of a card that nobody knows changes nothing", () => {
    const before = host();
    const unknown = finding("xid-79", "reset", "ff");

    expect(afterFindings(before.cards, [unknown], { nowMs: 1, isHistory: false })).toEqual(before.cards);
  });

  test.each([
    ["its own fabric says so", (on: Host) => on.text(textWith({ hasFabric: true }))],
    [
      "the topology says so",
      (on: Host) => {
        on.cards = withSwitched(on.cards, new Set([A]));
        return on;
      },
    ],
  ])("a finding of switches closes the cards with NVLink to them: %s", (_what, learn) => {
    const after = learn(host()).sample();
    const target = { kind: "switched-gpus" } as const;

    after.hears([{ target, code: "sxid-20034", effect: "reset", reason: "A switch failed.", pid: null }]);

    expect([after.cordonOf(A), after.cordonOf(B)]).toEqual(["fatal", undefined]);
  });

  test("a finding from before anybody watched keeps new work away but fails nothing", () => {
    const after = host().hears([FATAL], true);

    expect(after.cordonOf(A)).toBe("drain");
    expect(lostGpus(after.cards).size).toBe(0);
  });

  test("the graver sign stands: a drain becomes fatal, a fatal one stays with its moment and reason", () => {
    const drained = host().hears([DRAIN]);
    const failed = drained.hears([FATAL]);
    const sinceMs = failed.cards.get(A)?.cordon?.sinceMs;

    failed.hears([DRAIN]).hears([finding("xid-95", "reset")]);

    expect(failed.cards.get(A)?.cordon).toMatchObject({ kind: "fatal", sinceMs, reason: /xid-79/ });
  });

  test("a card that a drill plays to be lost is closed as one that is gone, and each time for the same row of samples", () => {
    const after = host();
    const play = () => {
      after.nowMs += 10_000;
      const sample = { gpus: both.slice(1), held: new Set<GpuUuid>(), played: A, nowMs: after.nowMs };
      after.cards = afterSample(after.cards, sample);
    };
    for (let time = 0; time < 3; time += 1) {
      play();
      expect(after.cordonOf(A)).toBe("fatal");
      for (let count = 1; count < PROBE_SAMPLES; count += 1) after.sample();
      expect(after.cordonOf(A)).toBe("fatal");
      expect(after.sample().cordonOf(A)).toBeUndefined();
    }
    expect(after.cards.get(A)?.cordons).toBe(0);
  });

  test("the last good moment is that of the last sample before the sign", () => {
    const after = host().sample().hears([FATAL]).sample().sample();

    expect(after.cards.get(A)?.lastGoodMs).toBe(20_000);
    expect(after.cards.get(B)?.lastGoodMs).toBe(after.nowMs);
  });

  test("a card that only drains is good for what runs on it", () => {
    const after = host().hears([DRAIN]).sample();

    expect(after.cards.get(A)?.lastGoodMs).toBe(after.nowMs);
  });
});

describe("a sign of failure", () => {
  const SIGNS = [
    ["a reset that the card requires", RESET],
    ["a card that is lost and listed", textWith({ sign: signOf("gpu-lost") })],
    ["errors in place of values", textWith({ sign: signOf("unknown-error") })],
    ["ERR! in place of values", textWith({ sign: signOf("err") })],
    ["a reset that the driver asks for", textWith({ sign: signOf("recovery-reset") })],
    ["a reboot that the driver asks for", textWith({ sign: signOf("recovery-reboot") })],
    ["a fabric in progress", textWith({ sign: signOf("fabric-in-progress") })],
    ["an unhealthy fabric", textWith({ sign: signOf("fabric-unhealthy") })],
    ["a card that spoils the answer", textWith({ sign: signOf("no-answer") })],
  ] as const;

  test.each(SIGNS)("%s closes the card within one sample and names it", (_what, output) => {
    const after = host().text(output, [A]);

    expect(closedTexts(after.cards)).toEqual([[A, output.sign?.reason]]);
    expect(lostGpus(after.cards).size).toBe(0);
    expect(judged(both[0]!, after.cards.get(A))).toMatchObject({
      health: "unhealthy",
      cordon: { kind: "drain", sinceMs: 20_000 },
      reasonCode: output.sign?.code,
      hasSign: true,
      reasons: [output.sign?.reason],
      why: [output.sign?.why],
    });
    expect(after.cards.get(A)?.lastGoodMs).toBe(10_000);
    expect(judged(both[1]!, after.cards.get(B))).toMatchObject({ health: "healthy", hasSign: false });
  });

  test.each(SIGNS)("%s for a second time ends it at the last good sample", (_what, output) => {
    const after = host().text(output, [A]).text(output, [A]);

    expect(lostGpus(after.cards).get(A)).toMatchObject({
      cause: "gpu-failed",
      detail: expect.stringContaining(`${output.sign?.reason.replace(/\.$/, "")} (${output.sign?.code}).`),
    });
    expect(after.cards.get(A)).toMatchObject({ lastGoodMs: 10_000, cordon: { code: output.sign?.code } });
  });

  test("another sign confirms as well, and the graver one is named", () => {
    const after = host()
      .text(textWith({ sign: signOf("unknown-error") }))
      .text(RESET);

    expect(judged(both[0]!, after.cards.get(A))).toMatchObject({
      cordon: { kind: "fatal" },
      reasonCode: "requires-reset",
    });
  });

  test("a kernel finding of the same card confirms it at once; one that drains does not", () => {
    expect(host().text(RESET).hears([DRAIN]).cordonOf(A)).toBe("drain");
    const after = host().text(RESET).hears([FATAL]);

    expect(after.cordonOf(A)).toBe("fatal");
    expect(after.cards.get(A)?.lastGoodMs).toBe(10_000);
    expect(judged(both[0]!, after.cards.get(A))).toMatchObject({ reasonCode: "xid-79", hasSign: true });
  });

  test("an error in place of its power is none on a card that never reported it", () => {
    const host = new Host();
    for (let n = 0; n < 3; n += 1) host.text(conditionOf([["power", "ERR!"]]));

    expect(closedGpus(host.cards).size).toBe(0);
  });

  test("an error in place of its power is one on a card that reported it in this boot", () => {
    const [reported, error] = [conditionOf([["power", "50 W"]]), conditionOf([["power", "ERR!"]])];
    const host = new Host().text(reported).text(NO_FINDINGS).text(error);
    expect([...closedGpus(host.cards).keys()]).toEqual([A]);
    expect(lostGpus(host.cards).size).toBe(0);

    host.text(error);
    expect([...lostGpus(host.cards).keys()]).toEqual([A]);
  });

  test("an exit code that means that the card is gone needs no second sample", () => {
    const after = host().text(textWith({ sign: signOf("gpu-lost", "proof") }));

    expect(after.cordonOf(A)).toBe("fatal");
    expect(after.cards.get(A)?.lastGoodMs).toBe(10_000);
  });

  test("queries that hang close a card and hold its time, and never fail what runs", () => {
    const hangs = textWith({ sign: signOf("no-answer", "silence") });
    const after = host();
    for (let n = 0; n < 100; n += 1) after.text(hangs, [A]);

    expect(after.cordonOf(A)).toBe("drain");
    expect(after.cards.get(A)?.lastGoodMs).toBe(10_000);
    expect(host().text(RESET).text(hangs).cordonOf(A)).toBe("drain");
    expect(host().text(RESET).text(hangs).text(RESET).cordonOf(A)).toBe("fatal");
  });

  test("one that is gone in the next sample was no outage, and the card waits for its row", () => {
    const after = host().text(RESET, [A]).sample(both, [A]);

    expect(after.cards.get(A)).toMatchObject({ lastGoodMs: after.nowMs, cordon: { kind: "drain" } });
    expect(judged(both[0]!, after.cards.get(A))).toMatchObject({ hasSign: false, health: "unhealthy" });
    for (let n = 1; n <= PROBE_SAMPLES; n += 1) after.sample();
    expect(after.cordonOf(A)).toBeUndefined();
  });

  test("while it is open no row of samples and no administrator opens the card", () => {
    const after = host().hears([FATAL]);
    for (let n = 0; n < MAX_PROBE_SAMPLES * 2; n += 1) after.text(RESET);
    const sinceMs = after.cards.get(A)?.cordon?.sinceMs ?? 0;

    expect(after.cordonOf(A)).toBe("fatal");
    expect(withoutCordon(after.cards, { uuid: A, sinceMs })).toBe(after.cards);
    after.sample();
    expect(withoutCordon(after.cards, { uuid: A, sinceMs }).get(A)?.cordon).toBeNull();
  });

  test("one that comes and goes never lets the card be sold in between", () => {
    const after = host();
    for (let n = 0; n < 50; n += 1) {
      after.text(RESET);
      expect(closedGpus(after.cards).has(A)).toBe(true);
      after.sample();
      expect(closedGpus(after.cards).has(A)).toBe(true);
    }
    expect(lostGpus(after.cards).size).toBe(0);
  });

  test("confirmed it counts as one fault, and the next one of the boot takes twice as long", () => {
    const after = host().text(RESET).text(RESET);
    expect(after.cards.get(A)?.cordons).toBe(1);
    for (let n = 0; n < PROBE_SAMPLES; n += 1) after.sample();
    expect(after.cordonOf(A)).toBeUndefined();

    after.text(RESET);
    for (let n = 0; n < PROBE_SAMPLES * 2 - 1; n += 1) after.sample();
    expect(after.cordonOf(A)).toBe("drain");
    expect(after.sample().cordonOf(A)).toBeUndefined();
  });

  test("a card that was never read well in this boot has no good moment", () => {
    expect(new Host().text(RESET).text(RESET).cards.get(A)?.lastGoodMs).toBeNull();
  });
});

describe("what keeps new work away for as long as it is so", () => {
  const drained = (action: string) => conditionOf([["recovery-action", action]]);
  const mig = [aGpuReport({ migEnabled: true }), both[1]!];

  test.each([
    ["Drain P2P", "recovery-drain-p2p"],
    ["Drain and Reset", "recovery-drain-and-reset"],
  ])("the driver's action %s: what runs goes on and is charged", (action, code) => {
    const after = host().text(drained(action), [A]);
    for (let n = 0; n < PROBE_SAMPLES * 2; n += 1) after.text(drained(action), [A]);

    expect(judged(both[0]!, after.cards.get(A))).toMatchObject({ reasonCode: code, hasSign: false });
    expect(closedGpus(after.cards).has(A)).toBe(true);
    expect(lostGpus(after.cards).size).toBe(0);
    expect(after.cards.get(A)?.lastGoodMs).toBe(after.nowMs);
  });

  test("MIG: the card is closed, its neighbour is not, and no administrator opens it meanwhile", () => {
    const after = host().sample(mig, [A]);
    const sinceMs = after.cards.get(A)?.cordon?.sinceMs ?? 0;

    expect(judged(mig[0]!, after.cards.get(A))).toMatchObject({
      health: "unhealthy",
      reasonCode: "mig-enabled",
      reasons: [expect.stringContaining("MIG is on")],
    });
    expect(lostGpus(after.cards).size).toBe(0);
    expect(after.cordonOf(B)).toBeUndefined();
    expect(withoutCordon(after.cards, { uuid: A, sinceMs })).toBe(after.cards);
    for (let n = 0; n < MAX_PROBE_SAMPLES; n += 1) after.sample(mig);
    expect(after.cordonOf(A)).toBe("drain");
  });

  test("MIG that is turned off: the card is back after a row of good samples", () => {
    const after = host().sample(mig);
    for (let n = 0; n < PROBE_SAMPLES - 1; n += 1) after.sample();

    expect(after.cordonOf(A)).toBe("drain");
    expect(after.sample().cordonOf(A)).toBeUndefined();
  });
});

describe("recovery", () => {
  const samples = (of: Host, count: number, ...args: Parameters<Host["sample"]>): Host => {
    for (let n = 0; n < count; n++) of.sample(...args);
    return of;
  };

  test.each([
    ["a failed card", FATAL],
    ["a drained card", DRAIN],
  ])("%s is back after a row of good samples, exactly", (_what, found) => {
    const after = samples(host().hears([found]), PROBE_SAMPLES - 1);

    expect(after.cordonOf(A)).toBeDefined();
    after.sample();
    expect(after.cordonOf(A)).toBeUndefined();
    expect(after.cards.get(A)?.lastGoodMs).toBe(after.nowMs);
    expect(after.healthOf(both[0]!)).toBe("healthy");
  });

  test("a card that was gone recovers alike", () => {
    const after = host().sample(both.slice(1));

    samples(after, 20, both.slice(1));
    expect(lostGpus(after.cards).get(A)?.cause).toBe("gpu-missing");
    after.sample();
    expect(lostGpus(after.cards).get(A)?.cause).toBe("gpu-failed");
    samples(after, PROBE_SAMPLES - 1);
    expect(after.cordonOf(A)).toBeUndefined();
  });

  test("the row begins when nothing holds the card any more", () => {
    const after = samples(host().hears([DRAIN]), 50, both, [A]);

    expect(after.cordonOf(A)).toBe("drain");
    expect(samples(after, PROBE_SAMPLES).cordonOf(A)).toBeUndefined();
  });

  test.each([
    ["an answer without readings", silent],
    ["a repair that waits for a reset", { repairPending: true }],
    ["more errors", { eccUncorrected: 5 }],
  ])("%s begins it anew", (_what, values) => {
    const after = samples(host().hears([DRAIN]), PROBE_SAMPLES - 1);

    after.sample([aGpuReport(values), ...both.slice(1)]);
    samples(after, PROBE_SAMPLES - 1);

    expect(after.cordonOf(A)).toBe("drain");
    expect(after.sample().cordonOf(A)).toBeUndefined();
  });

  test("each further cordon of a boot takes twice as long, up to an hour", () => {
    expect([1, 2, 3, 6, 7, 100].map(samplesNeeded)).toEqual([6, 12, 24, 192, MAX_PROBE_SAMPLES, 360]);
    const after = samples(
      samples(host().hears([FATAL]), PROBE_SAMPLES).hears([FATAL]),
      PROBE_SAMPLES * 2 - 1,
    );

    expect(after.cordonOf(A)).toBe("fatal");
    expect(after.sample().cordonOf(A)).toBeUndefined();
  });

  test("an administrator's word lifts the cordon that was meant and no later one", () => {
    const after = host().hears([DRAIN]);
    const sinceMs = after.cards.get(A)?.cordon?.sinceMs ?? 0;

    expect(withoutCordon(after.cards, { uuid: A, sinceMs: sinceMs - 1 })).toBe(after.cards);
    expect(withoutCordon(after.cards, { uuid: B, sinceMs })).toBe(after.cards);
    expect(withoutCordon(after.cards, { uuid: A, sinceMs }).get(A)?.cordon).toBeNull();
  });
});

test("whatever happens to one card, the other stays as it is", () => {
  const sign = fc.oneof(
    fc.record({ effect: fc.constantFrom<KernelEffect>("note", "drain", "reset") }),
    fc.record({
      output: fc.constantFrom(RESET, textWith({ sign: signOf("gpu-lost", "proof") }), NO_FINDINGS),
    }),
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
        if ("effect" in one) after.hears([finding("xid-1", one.effect)]);
        else if ("output" in one) after.text(one.output, [B]);
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
          .hears([DRAIN])
          .probes({ refused: [A] }),
    ],
    [
      "after",
      () =>
        host()
          .probes({ refused: [A] })
          .hears([DRAIN]),
    ],
  ])("stays closed for an error of its own, from %s", (_when, begin) => {
    const after = begin().probes({ passed: [A] });

    expect([...closedGpus(after.cards).values()]).toEqual([expect.stringContaining("xid-48")]);
    expect(refusedToContainers(after.cards).size).toBe(0);
  });

  test("fails with a fatal error as any card does", () => {
    const after = host()
      .probes({ refused: [A] })
      .hears([FATAL])
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
