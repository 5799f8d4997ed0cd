/** Autoscaling over loads as services have them, by chance around a rate: what is lost, what it takes, how often it changes. */
import { describe, expect, test } from "vitest";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { type LoadTrace, TRACES } from "../../../../../../support/autoscaling/load-traces.ts";
import { configOf } from "../../../../../../support/autoscaling/played-service.ts";
import { knative, rayServe, type Rule } from "../../../../../../support/autoscaling/published-rules.ts";
import { AT_ONCE, REPLICA_PER_SECOND } from "../../../../../../support/autoscaling/simulated-service.ts";
import { oracleMinutes, ours, replayTrace } from "../../../../../../support/autoscaling/trace-replay.ts";

const UTILISATION = 0.7;
const IN_FLIGHT = UTILISATION * AT_ONCE;
const PER_SECOND = UTILISATION * REPLICA_PER_SECOND;

const byInFlight = () => ours(configOf({ target_in_flight: IN_FLIGHT }));
const byRate = () => ours(configOf({ target_qps: PER_SECOND }));
const byBoth = () => ours(configOf({ target_in_flight: IN_FLIGHT, target_qps: PER_SECOND }));

const replayed = (trace: LoadTrace, rule: Rule) =>
  replayTrace(trace, rule, { perReplica: PER_SECOND, seed: 1 });
const begin = (...names: string[]) => TRACES.filter(({ name }) => names.some((one) => name.startsWith(one)));

test("the traces are a ramp, a day, a step, spikes and two constant ones", () => {
  expect(["ramp", "diurnal", "step", "spike", "constant"].map((name) => begin(name).length)).toEqual([
    1, 1, 1, 1, 2,
  ]);
});

describe.each(begin("ramp", "diurnal"))("$name", (trace) => {
  test.each([
    ["requests in flight", byInFlight],
    ["requests a second", byRate],
    ["both", byBoth],
  ])("by %s loses nothing, with at most a quarter more than who knows what comes", (_, rule) => {
    const { requests, lost, replicaMinutes } = replayed(trace, rule());

    expect(requests).toBeGreaterThan(100_000);
    expect(lost).toBe(0);
    expect(replicaMinutes).toBeLessThanOrEqual(1.25 * oracleMinutes(trace, PER_SECOND));
  });
});

describe.each(begin("constant"))("$name", (trace) => {
  test.each([
    ["requests in flight", byInFlight],
    ["requests a second", byRate],
    ["both", byBoth],
  ])("by %s loses nothing, with two changes an hour at most", (_, rule) => {
    const { lost, changesPerHour } = replayed(trace, rule());

    expect(lost).toBe(0);
    expect(changesPerHour).toBeLessThanOrEqual(2);
  });
});

describe.each(TRACES)("$name", (trace) => {
  test.each([
    ["our", byInFlight],
    ["Knative's", () => knative(IN_FLIGHT)],
    ["Ray Serve's", () => rayServe(IN_FLIGHT)],
  ])("has its figures by %s rule", (_, rule) => {
    const { requests, lost, replicaMinutes, changesPerHour } = replayed(trace, rule());

    expect(requests).toBeGreaterThan(100_000);
    expect(lost).toBeLessThan(requests / 2);
    expect(replicaMinutes).toBeGreaterThan(trace.lengthMs / MS_PER_MINUTE);
    expect(changesPerHour).toBeGreaterThanOrEqual(0);
  });
});
