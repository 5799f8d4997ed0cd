/** The XML of nvidia-smi over its schema versions, with branches missing, and whatever else may come. */
import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { NO_FINDINGS } from "@remotegpu/agent/core/gpus/gpu-condition";
import { NvidiaSmiError } from "@remotegpu/agent/host/gpus/nvidia-smi/nvidia-smi-error";
import { parseNvidiaSmiXml } from "@remotegpu/agent/host/gpus/nvidia-smi/nvidia-smi-xml";
import { GpuReport } from "@remotegpu/shared/messages/host-report";

const fixture = (name: string) =>
  readFileSync(new URL(`../../../../../fixtures/nvidia-smi/${name}`, import.meta.url), "utf8");

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
    minorNumber: 4,
    condition: { ...NO_FINDINGS, reported: ["power", "utilization", "errors", "repairs"] },
    measurements: { smClockMhz: 1410, eccCorrected: 5 },
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

test("the places where an old driver had its values are known", () => {
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

test("each card's condition is read beside its values, and the driver's version by its new name", () => {
  const { gpus } = parseNvidiaSmiXml(fixture("cards-of-all-states.xml"));

  expect(gpus.map(({ condition: { sign, drain } }) => sign?.code ?? drain?.code ?? null)).toEqual([
    null,
    "requires-reset",
    "gpu-lost",
    "gpu-lost",
    // An error in place of its power alone.
    null,
    "err",
    "recovery-reset",
    "recovery-reboot",
    "recovery-drain-p2p",
    "fabric-in-progress",
    "fabric-unhealthy",
    null,
    null,
    null,
    "unknown-error",
  ]);
  expect(
    gpus.flatMap(({ condition }, index) => condition.doubts.map(({ reading }) => [index, reading])),
  ).toEqual([[4, "power"]]);
  expect(gpus.map(({ condition }) => condition.hasFabric)).toEqual(
    gpus.map((_, index) => ![2, 11, 12].includes(index)),
  );
  expect(gpus.map(({ migEnabled }) => migEnabled)).toEqual(gpus.map((_, index) => index === 13));
  expect(gpus.map(({ minorNumber }) => minorNumber)).toEqual(gpus.map((_, index) => index));
  expect(new Set(gpus.map(({ driverVersion }) => driverVersion))).toEqual(new Set(["650.10.01"]));
  expect(gpus[1]).toMatchObject({ memoryUsedMib: 0, temperatureC: null, utilizationPercent: null });
});

test("what a customer calls a process is no sign", () => {
  const named = fixture("two-cards.xml").replace("python", "GPU is lost");

  expect(parseNvidiaSmiXml(named).gpus[0]?.condition.sign).toBeNull();
});

test("a card that no longer reports who it is is identified by its place", () => {
  const lost = fixture("two-cards.xml").replace("GPU-11111111-2222-3333-4444-555555555555", "GPU is lost");

  const { gpus, unidentified } = parseNvidiaSmiXml(lost);

  expect(gpus).toHaveLength(1);
  expect(unidentified).toMatchObject([
    { pciBusId: "00000000:3B:00.0", condition: { sign: { code: "gpu-lost" } } },
  ]);
});

test("a log without cards has none", () => {
  const output = "<nvidia_smi_log><driver_version>1</driver_version></nvidia_smi_log>";

  expect(parseNvidiaSmiXml(output)).toEqual({ gpus: [], unidentified: [], processes: [] });
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

test("whatever stands in the known places, what is read of a card may be reported", () => {
  const value = fc.oneof(
    fc.constantFrom(
      "N/A",
      "[N/A]",
      "",
      "-1",
      "0",
      "99999999999999999999 MiB",
      "37 %",
      "1e308 W",
      "NaN C",
      "Enabled",
      "Yes",
      "GPU is lost",
      "[GPU requires reset]",
      "<a><b>1</b></a>",
      "<![CDATA[5 MiB]]>",
      "&lt;",
      "12 MiB<x/>3",
      "-400 C",
      "Infinity W",
      "0x10 W",
    ),
    fc.string({ maxLength: 12 }).map((text) => text.replaceAll(/[<>&]/g, "")),
  );
  const tag = (name: string) => value.map((text) => `<${name}>${text}</${name}>`);
  const inside = (name: string, ...parts: fc.Arbitrary<string>[]) =>
    fc
      .tuple(...parts.map((part) => fc.option(part, { nil: "" })))
      .map((texts) => `<${name}>${texts.join("")}</${name}>`);
  const counts = (name: string) => inside(name, tag("sram_uncorrectable"), tag("dram_uncorrectable"));
  const card = inside(
    "gpu",
    tag("product_brand"),
    tag("product_architecture"),
    inside("pci", tag("pci_bus_id")),
    inside("mig_mode", tag("current_mig")),
    inside("fb_memory_usage", tag("total"), tag("used")),
    inside("utilization", tag("gpu_util")),
    inside("temperature", tag("gpu_temp"), tag("gpu_temp_slow_threshold")),
    inside("gpu_power_readings", tag("power_draw"), tag("current_power_limit")),
    inside("ecc_errors", counts("volatile"), counts("aggregate")),
    inside("remapped_rows", tag("remapped_row_pending"), tag("remapped_row_failure")),
    inside("clocks_event_reasons", tag("clocks_event_reason_hw_slowdown")),
    tag("minor_number"),
    tag("gpu_recovery_action"),
    inside("fabric", tag("state"), tag("status"), inside("health", tag("summary"), tag("route_unhealthy"))),
    inside("processes", inside("process_info", tag("pid"), tag("used_memory"))),
  );
  const identity = "<uuid>GPU-11111111-2222-3333-4444-555555555555</uuid><product_name>Card</product_name>";
  fc.assert(
    fc.property(card, (text) => {
      const output = `<nvidia_smi_log>${text.replace("<gpu>", `<gpu>${identity}`)}</nvidia_smi_log>`;

      const read = readOrNull(output);

      const judged = { index: 0, simulated: false, health: "unknown" };
      for (const gpu of read?.gpus ?? [])
        expect(GpuReport.safeParse({ ...gpu, ...judged }).error?.issues ?? []).toEqual([]);
      for (const { pid, memoryMib } of read?.processes ?? []) {
        expect(Number.isSafeInteger(pid) && pid > 0).toBe(true);
        expect(memoryMib === null || (Number.isSafeInteger(memoryMib) && memoryMib >= 0)).toBe(true);
      }
    }),
    { numRuns: 1000 },
  );
});

function readOrNull(output: string) {
  try {
    return parseNvidiaSmiXml(output);
  } catch (error) {
    if (error instanceof NvidiaSmiError) return null;
    throw error;
  }
}

function isNamedErrorOrCards(read: () => { uuid: string }[]): boolean {
  try {
    return read().every((card) => /^(GPU|MIG)-/.test(card.uuid));
  } catch (error) {
    return error instanceof NvidiaSmiError;
  }
}
