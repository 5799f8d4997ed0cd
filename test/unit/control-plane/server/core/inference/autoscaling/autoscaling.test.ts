import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { drawFrom } from "@remotegpu/control-plane/server/core/placement/scoring/draw";
import { evaluate } from "@remotegpu/control-plane/server/core/inference/autoscaling/autoscaling";
import { METRICS } from "@remotegpu/control-plane/server/core/inference/autoscaling/autoscaling-config";
import {
  parseHistory,
  storedHistory,
} from "@remotegpu/control-plane/server/core/inference/autoscaling/stored-history";
import { inWords } from "../../../../../../support/reasons/in-words.ts";
import {
  CHECK_MS,
  PlayedService,
  samplesOf,
  type SentMetrics,
} from "../../../../../../support/autoscaling/played-service.ts";

const THOUSAND = { target_qps: 1_000 };
const UP_TO_3 = { bounds: { min: 1, max: 3 } };
const ASLEEP = { wanted: 0, bounds: { min: 0, max: 10 } };

describe("a steady load settles at", () => {
  test.each([
    [1, 2_500, 3],
    [1, 9_000, 3],
    [3, 0, 1],
    [1, 1_100, 1],
    [1, 1_101, 2],
    [3, 2_000, 2],
    [3, 2_001, 3],
  ])("from %i replicas at %i requests a second: %i", (wanted, qps, settled) => {
    const service = new PlayedService(THOUSAND, { ...UP_TO_3, wanted });

    expect(service.play(900, { qps }).wanted).toBe(settled);
  });

  test("what its most pressing metric requires", () => {
    const service = new PlayedService({ target_cpu: 80, ...THOUSAND }, { wanted: 1 });

    expect(service.play(30, { cpu: 90, qps: 3_500 }).wanted).toBe(4);
  });

  test.each<[string, SentMetrics, number]>([
    ["both are near their targets", { qps: 2_200, in_flight: 18 }, 2],
    ["one is more than a tenth beyond", { qps: 2_201, in_flight: 20 }, 3],
    ["the other one is", { qps: 2_000, in_flight: 22.1 }, 3],
    ["one is beyond, and the other one more than a tenth below", { qps: 2_100, in_flight: 17.9 }, 3],
    ["one is beyond, and there is nothing of the other one", { qps: 2_001, in_flight: 0 }, 3],
    ["none is beyond, and one more than a tenth below", { qps: 2_000, in_flight: 10 }, 2],
    ["one is a little beyond, and nothing is known of the other one", { qps: 2_100 }, 2],
  ])("what two metrics require where %s", (_, reported, settled) => {
    const service = new PlayedService({ ...THOUSAND, target_in_flight: 10 }, { wanted: 2 });

    expect(service.play(900, reported).wanted).toBe(settled);
  });

  test("80 percent of each replica's cores where no target is given", () => {
    const service = new PlayedService({}, { wanted: 2 });

    expect(service.play(30, { cpu: 190, qps: 1e6 }).wanted).toBe(3);
  });

  test("the same number, whatever the load, with autoscaling off", () => {
    const service = new PlayedService(THOUSAND, { ...UP_TO_3, isEnabled: false, wanted: 2 });

    service.play(900, { qps: 9_000 }).play(900, { qps: 0 });

    expect(service.wanted).toBe(2);
    expect(inWords(service.decision)).toEqual({ kind: "stays", sentence: "Autoscaling is off." });
  });
});

describe("upwards", () => {
  test("a step is followed within 6 s, and not before", () => {
    const service = new PlayedService(THOUSAND).play(60, { qps: 900 });

    expect(service.play(4, { qps: 2_500 }).wanted).toBe(1);
    expect(service.play(2, { qps: 2_500 }).wanted).toBe(3);
  });

  test("a spike of one sample is not followed", () => {
    const service = new PlayedService(THOUSAND).play(60, { qps: 900 });

    service.check({ qps: 9_000 });
    service.play(60, { qps: 900 });

    expect(service.changes).toBe(0);
  });

  test("one sample is a spike also where it is the newest for long, as those of hosts are", () => {
    const service = new PlayedService({}, { wanted: 2 }).play(60, { cpu: 120 });
    const at = service.situation.now + CHECK_MS;
    const spike = samplesOf({ cpu: 200 }, { now: at, readyReplicas: service.situation.readyReplicas });

    for (let check = 0; check < 5; check += 1) service.check({}, { samples: spike });
    expect(service.wanted).toBe(2);

    service.check({ cpu: 200 });
    expect(service.wanted).toBe(3);
  });

  test("replicas that start are capacity: the same load requires no more of them", () => {
    const service = new PlayedService(THOUSAND, { wanted: 3, readyReplicas: ["replica-0"] });

    service.play(120, { qps: 3_000 });

    expect(service.changes).toBe(0);
  });

  test("what is desired is requested once, also where no room is found for it", () => {
    const service = new PlayedService(THOUSAND).play(6, { qps: 2_500 });
    service.situation.readyReplicas = ["replica-0"];

    service.play(600, { qps: 2_500 });

    expect(service.wanted).toBe(3);
    expect(service.changes).toBe(1);
  });

  test("part of the data is enough to go up by", () => {
    const service = new PlayedService(THOUSAND, { gateways: ["gateway-1", "silent"] });

    expect(service.play(20, { qps: 2_500 }).wanted).toBe(3);
  });
});

describe("downwards", () => {
  test("it goes after the whole delay, to the most of the last minute", () => {
    const service = new PlayedService(THOUSAND, { wanted: 5 }).play(60, { qps: 5_000 });

    service.play(260, { qps: 1_000 }).play(40, { qps: 1_900 });
    expect(service.wanted).toBe(5);

    service.check({ qps: 500 });
    expect(service.wanted).toBe(2);
  });

  test("a moment at which as many are needed begins the delay anew", () => {
    const service = new PlayedService(THOUSAND, { wanted: 5 }).play(298, { qps: 1_000 });

    service.check({ qps: 4_500 });
    expect(service.play(298, { qps: 1_000 }).wanted).toBe(5);
    expect(service.play(4, { qps: 1_000 }).wanted).toBe(1);
  });

  test("without a delay it still waits for a minute that is known", () => {
    const service = new PlayedService({ ...THOUSAND, scale_down_delay: 0 }, { wanted: 5 });

    expect(service.play(60, { qps: 0 }).wanted).toBe(5);
    expect(service.play(4, { qps: 0 }).wanted).toBe(1);
  });

  test("not by its load to none, though min_replicas is 0", () => {
    const service = new PlayedService(THOUSAND, { wanted: 3, bounds: { min: 0, max: 3 } });

    expect(service.play(3_600, { qps: 0, in_flight: 0 }).wanted).toBe(1);
  });
});

describe("to none and back", () => {
  const QUIET = { qps: 0, in_flight: 0 };
  const TO_ZERO = { ...THOUSAND, scale_to_zero_after: 60 };
  const FROM_0 = { bounds: { min: 0, max: 10 } };

  test("it goes to none once nobody has sent requests for so long", () => {
    const service = new PlayedService(TO_ZERO, { ...FROM_0, wanted: 3 });

    expect(service.play(60, QUIET).wanted).toBe(3);
    expect(service.play(4, QUIET).wanted).toBe(0);
  });

  test("a request that is in flight all the while keeps it up", () => {
    const service = new PlayedService(TO_ZERO, FROM_0);

    expect(service.play(600, { qps: 0, in_flight: 1 }).wanted).toBe(1);
  });

  test("not below min_replicas", () => {
    const service = new PlayedService(TO_ZERO, { bounds: { min: 1, max: 3 } });

    expect(service.play(600, QUIET).wanted).toBe(1);
  });

  test("never before its first replica is ready, and so long after that", () => {
    const service = new PlayedService(TO_ZERO, { ...FROM_0, readyReplicas: [] });

    expect(service.play(600, QUIET).wanted).toBe(1);
    service.situation.readyReplicas = ["replica-0"];
    expect(service.play(60, QUIET).wanted).toBe(1);
    expect(service.play(4, QUIET).wanted).toBe(0);
  });

  test("nobody wakes it who does not send a request", () => {
    expect(new PlayedService(TO_ZERO, ASLEEP).play(600, QUIET).wanted).toBe(0);
  });

  test("a storm of requests wakes one, and more only once that one is ready and the load lasts", () => {
    const service = new PlayedService(TO_ZERO, ASLEEP).play(60, QUIET);
    const storm = { qps: 5_000, in_flight: 5_000 };

    service.check(storm, { waitingRequests: 5_000 });
    service.situation.readyReplicas = [];
    expect(service.play(120, storm).wanted).toBe(1);

    service.situation.readyReplicas = ["replica-0"];
    expect(service.play(6, storm).wanted).toBe(1);
    expect(service.play(2, storm).wanted).toBe(5);
  });
});

describe("paused, it stays and reports what it would have done", () => {
  test.each<[string, object, SentMetrics, RegExp]>([
    ["up", { wanted: 1 }, { qps: 2_500 }, /^It is paused, and would have gone from 1 to 3 replicas: /],
    ["down", { wanted: 3 }, { qps: 500 }, /^It is paused, and would have gone from 3 to 1 replica: /],
  ])("%s", (_route, change, reported, sentence) => {
    const service = new PlayedService({ ...THOUSAND, paused: true }, change).play(400, reported);

    expect(service.changes).toBe(0);
    expect(inWords(service.decision)).toMatchObject({
      kind: "would-scale",
      sentence: expect.stringMatching(sentence),
    });
  });
});

test.each([
  [7, { min: 1, max: 3 }, 3],
  [0, { min: 2, max: 3 }, 2],
])(
  "%i replicas are brought within the bounds %j at once, though nothing is known",
  (wanted, bounds, replicas) => {
    const service = new PlayedService(THOUSAND, { wanted, bounds });

    expect(service.check({})).toMatchObject({ kind: "scales", replicas });
  },
);

describe("whatever comes", () => {
  const anyReported = fc.record(
    {
      cpu: fc.integer({ min: 0, max: 400 }),
      qps: fc.integer({ min: 0, max: 12_000 }),
      in_flight: fc.integer({ min: 0, max: 60 }),
    },
    { requiredKeys: [] },
  );
  const anyConfig = fc.record(
    {
      target_cpu: fc.integer({ min: 1, max: 100 }),
      target_qps: fc.integer({ min: 100, max: 5_000 }),
      target_in_flight: fc.integer({ min: 1, max: 20 }),
      scale_down_delay: fc.integer({ min: 0, max: 120 }),
      scale_to_zero_after: fc.integer({ min: 1, max: 60 }),
    },
    { requiredKeys: [] },
  );
  const anyBounds = fc
    .tuple(fc.nat(4), fc.integer({ min: 1, max: 12 }))
    .map(([min, max]) => ({ min, max: Math.max(min, max) }));
  /** Loads that last for a while each. */
  const anyHours = fc.array(fc.tuple(anyReported, fc.integer({ min: 2, max: 200 })), {
    minLength: 1,
    maxLength: 8,
  });

  test("the number is within the bounds", () => {
    fc.assert(
      fc.property(anyConfig, anyBounds, fc.nat(15), anyHours, (config, bounds, wanted, hours) => {
        const service = new PlayedService(config, { bounds, wanted });

        for (const [reported, seconds] of hours)
          for (let second = 0; second < seconds; second += 2) {
            service.check(reported, { waitingRequests: reported.in_flight ?? 0 });
            expect(service.wanted).toBeGreaterThanOrEqual(bounds.min);
            expect(service.wanted).toBeLessThanOrEqual(bounds.max);
          }
      }),
    );
  });

  test("a check at which something is not known lowers nothing", () => {
    fc.assert(
      fc.property(anyConfig, anyHours, fc.constantFrom(...METRICS), (config, hours, missing) => {
        const bounds = { min: 0, max: 20 };
        const targets = { ...config, [`target_${missing}`]: 5 };
        const service = new PlayedService(targets, { bounds, wanted: 3 });
        for (const [reported, seconds] of hours)
          service.play(seconds, { cpu: 0, qps: 0, in_flight: 0, ...reported });
        const { wanted } = service;

        const { [missing]: _, ...rest }: SentMetrics = { cpu: 0, qps: 0, in_flight: 0 };
        service.play(600, rest);

        expect(service.wanted).toBeGreaterThanOrEqual(wanted);
      }),
    );
  });

  test("the order of samples makes no difference", () => {
    fc.assert(
      fc.property(anyConfig, anyHours, fc.infiniteStream(fc.nat()), (config, hours, chance) => {
        const service = new PlayedService(config, { wanted: 3 });
        for (const [reported, seconds] of hours) service.play(seconds, reported);
        const { situation } = service;
        const now = situation.now + CHECK_MS;
        const samples = samplesOf(hours[0]?.[0] ?? {}, { ...situation, now });
        const shuffled = samples
          .map((sample) => ({ sample, place: chance.next().value ?? 0 }))
          .toSorted((a, b) => a.place - b.place)
          .map(({ sample }) => sample);

        expect(evaluate({ ...situation, now, samples: shuffled })).toEqual(
          evaluate({ ...situation, now, samples }),
        );
      }),
    );
  });

  test("a history that was stored and read back decides as if nothing had been", () => {
    fc.assert(
      fc.property(anyConfig, anyHours, (config, hours) => {
        const bounds = { min: 0, max: 10 };
        const uninterrupted = new PlayedService(config, { bounds, wanted: 3 });
        const restored = new PlayedService(config, { bounds, wanted: 3 });
        for (const [reported, seconds] of hours)
          for (let second = 0; second < seconds; second += 2) {
            restored.situation.history = parseHistory(
              JSON.parse(JSON.stringify(storedHistory(restored.situation.history))),
            );

            expect(restored.check(reported)).toEqual(uninterrupted.check(reported));
          }
      }),
    );
  });

  test("one that was lost or is damaged lowers nothing before a minute and the delay have passed", () => {
    const anyDamage = fc.constantFrom<unknown>(null, {}, { version: 1 }, "x", { version: 2, points: [] });

    fc.assert(
      fc.property(anyConfig, anyHours, anyDamage, (config, hours, damage) => {
        const service = new PlayedService({ ...config, scale_to_zero_after: null }, { wanted: 3 });
        for (const [reported, seconds] of hours) service.play(seconds, reported);
        const { wanted } = service;
        service.situation.history = parseHistory(damage);

        service.play(Math.max(60, config.scale_down_delay ?? 300), { cpu: 0, qps: 0, in_flight: 0 });

        expect(service.wanted).toBe(wanted);
      }),
    );
  });

  test("after an outage it has no fewer replicas than it would have had without", () => {
    fc.assert(
      fc.property(fc.integer({ min: 12, max: 600 }), fc.integer({ min: 0, max: 400 }), (outage, after) => {
        const config = { ...THOUSAND, scale_down_delay: 120 };
        const one = new PlayedService(config, { wanted: 5 }).play(100, { qps: 1_000 });
        const other = new PlayedService(config, { wanted: 5 }).play(100, { qps: 1_000 });

        other.situation.now += Math.floor(outage / 2) * CHECK_MS;
        one.play(2 * Math.floor(outage / 2), { qps: 1_000 }).play(after, { qps: 1_000 });
        other.play(after, { qps: 1_000 });

        expect(other.wanted).toBeGreaterThanOrEqual(one.wanted);
      }),
    );
  });

  test("a steady load that strays by ten percent settles, and then changes twice an hour at most", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.2, max: 100, noNaN: true }), fc.nat(), (replicas, seed) => {
        const draw = drawFrom(seed);
        const stray = () => ({ qps: replicas * (900 + draw(201)) });
        const service = new PlayedService(THOUSAND, { bounds: { min: 1, max: 1_000 } }).play(900, stray);

        service.changes = 0;
        service.play(3_600, stray);

        expect(service.changes).toBeLessThanOrEqual(2);
        expect(service.wanted * 1.1).toBeGreaterThan(replicas);
      }),
      { numRuns: 40 },
    );
  });
});
