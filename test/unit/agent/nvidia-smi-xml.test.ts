/** The XML of nvidia-smi over its schema versions, with branches missing, and whatever else may come. */
import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { NvidiaSmiError } from "@remotegpu/agent/host/nvidia-smi-error";
import { parseNvidiaSmiXml } from "@remotegpu/agent/host/nvidia-smi-xml";

const fixture = (name: string) =>
  readFileSync(new URL(`../../fixtures/nvidia-smi/${name}`, import.meta.url), "utf8");

test("two cards with their processes are read", () => {
  const { gpus, processes } = parseNvidiaSmiXml(fixture("two-cards.xml"));

  expect(gpus[0]).toEqual({
    uuid: "GPU-11111111-2222-3333-4444-555555555555",
    index: null,
    name: "Example Accelerator 24G",
    brand: "Example",
    architecture: "Exemplar",
    pciBusId: "00000000:3B:00.0",
    driverVersion: "600.10",
    computeCapability: null,
    memoryTotalMib: 24576,
    memoryUsedMib: 1024,
    utilizationPercent: 37,
    temperatureC: 51,
    temperatureLimitC: 95,
    powerW: 88.25,
    powerLimitW: 250,
    migEnabled: false,
    eccUncorrected: 3,
    eccUncorrectedTotal: 9,
    repairPending: true,
    repairFailed: false,
    throttleReasons: ["sw_power_cap", "hw_thermal_slowdown"],
  });
  expect(processes).toEqual([
    { pid: 4711, gpuUuid: "GPU-11111111-2222-3333-4444-555555555555", memoryMib: 900 },
    { pid: 4712, gpuUuid: "GPU-11111111-2222-3333-4444-555555555555", memoryMib: null },
  ]);
});

test("a card with hardly any branches has unknown values, and its address from the tag itself", () => {
  const [, second] = parseNvidiaSmiXml(fixture("two-cards.xml")).gpus;

  expect(second).toMatchObject({
    pciBusId: "00000000:AF:00.0",
    brand: null,
    memoryTotalMib: null,
    temperatureC: null,
    powerW: null,
    migEnabled: null,
    eccUncorrected: null,
    eccUncorrectedTotal: null,
    repairPending: null,
    repairFailed: null,
    throttleReasons: null,
  });
});

test("the places where an old driver kept its values are known", () => {
  const [card] = parseNvidiaSmiXml(fixture("old-driver.xml")).gpus;

  expect(card).toMatchObject({
    driverVersion: "400.01",
    temperatureLimitC: 92,
    powerW: 11.5,
    powerLimitW: 30,
    eccUncorrected: 4,
    repairPending: false,
    throttleReasons: ["hw_slowdown"],
    utilizationPercent: null,
  });
});

test("a log without cards has none", () => {
  const output = "<nvidia_smi_log><driver_version>1</driver_version></nvidia_smi_log>";

  expect(parseNvidiaSmiXml(output)).toEqual({ gpus: [], processes: [] });
});

test.each([
  ["nothing", ""],
  ["words", "NVIDIA-SMI has failed because it could not talk to the driver."],
  ["a torn document", fixture("two-cards.xml").slice(0, 900)],
  ["another document", "<html><body>502</body></html>"],
])("%s is garbage", (_what, output) => {
  expect(() => parseNvidiaSmiXml(output)).toThrow(NvidiaSmiError);
});

test("garbage leads to the named error or to readable cards, never elsewhere", () => {
  const whole = fixture("two-cards.xml");
  const torn = fc
    .tuple(fc.nat(whole.length), fc.nat(whole.length), fc.string())
    .map(([from, to, middle]) => whole.slice(0, from) + middle + whole.slice(to));
  fc.assert(
    fc.property(fc.oneof(torn, fc.string()), (output) => {
      expect(isNamedErrorOrCards(() => parseNvidiaSmiXml(output).gpus)).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

function isNamedErrorOrCards(read: () => { uuid: string }[]): boolean {
  try {
    return read().every((card) => /^(GPU|MIG)-/.test(card.uuid));
  } catch (error) {
    return error instanceof NvidiaSmiError;
  }
}
