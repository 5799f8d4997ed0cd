/** Which prices an order is charged by. */
import {
  type CataloguePrice,
  countedOf,
  dearestLines,
  gibQuantity,
  hourlyPrice,
  linesForOrder,
  type PricedOrder,
  type SpecShape,
} from "@remotegpu/control-plane/server/core/orders/prices/price-lines";
import { formatPoints, formatQuantity, parsePoints, parsePrice } from "@remotegpu/shared/values/money";
import { GIB, MIB } from "@remotegpu/shared/values/units";
import { describe, expect, test } from "vitest";

const ORDER: PricedOrder = {
  cpuMilli: 1500,
  memoryBytes: 512 * MIB,
  gpus: 2,
  gpuMemoryBytes: null,
  gpuShared: false,
  tempStorageBytes: null,
};
const SHAPE: SpecShape = {
  cpuMilli: 2000,
  memoryBytes: GIB,
  gpus: 2,
  gpuModel: null,
  gpuMemoryBytes: null,
  tempStorageBytes: 0,
};

function price(line: string, unitPrice: string): CataloguePrice {
  return { line, unitPrice: parsePrice(unitPrice), billingUnit: "hour" };
}

const CATALOGUE = [price("cpu", "0.1"), price("memory", "0.2"), price("gpu", "5"), price("gpu:H100", "20")];
const spec = { spec: "default", shape: null, prices: CATALOGUE };

describe("lines of an order", () => {
  test("cores, GiB and cards are counted, and a model's own price goes before the general one", () => {
    const answer = linesForOrder(ORDER, spec, "H100");

    expect(answer.priced && answer.lines.map((line) => [line.line, formatQuantity(line.quantity)])).toEqual([
      ["cpu", "1.5"],
      ["memory", "0.5"],
      ["gpu:H100", "2"],
    ]);
  });

  test("another model pays the general price", () => {
    const answer = linesForOrder(ORDER, spec, "A10");

    expect(answer.priced && answer.lines.at(-1)?.line).toBe("gpu");
  });

  test("a shared slice is counted by its memory in place of the card", () => {
    const shared = { ...ORDER, gpus: 1, gpuShared: true, gpuMemoryBytes: 8 * GIB };
    const prices = [...CATALOGUE, price("gpu_memory", "0.3")];

    const answer = linesForOrder(shared, { ...spec, prices }, "H100");

    expect(answer.priced && answer.lines.map((line) => line.line)).toEqual(["cpu", "memory", "gpu_memory"]);
  });

  test.each([
    {
      name: "temp storage",
      order: { ...ORDER, tempStorageBytes: GIB },
      prices: CATALOGUE,
      field: "temp_storage",
      line: "temp_storage",
    },
    {
      name: "a GPU model",
      order: ORDER,
      prices: CATALOGUE.slice(0, 2),
      field: "gpu",
      line: "gpu:H100",
    },
  ])("without a price for $name the order is refused by name", ({ order, prices, field, line }) => {
    const answer = linesForOrder(order, { ...spec, prices }, "H100");

    expect(answer).toEqual({
      priced: false,
      reason: "no-price",
      field,
      detail: { code: "line-unpriced", params: { line } },
    });
  });

  test("a price of 0 is a price", () => {
    const free = [price("cpu", "0"), price("memory", "0"), price("gpu", "0")];

    const answer = linesForOrder(ORDER, { ...spec, prices: free }, "H100");

    expect(answer.priced && hourlyPrice(answer.lines)).toBe(0n);
  });

  test("a spec without any price in force is unknown", () => {
    expect(linesForOrder(ORDER, { ...spec, prices: [] }, null)).toMatchObject({
      reason: "unknown-spec",
      field: "spec",
    });
  });
});

describe("a bundle", () => {
  const bundle = { spec: "basic", shape: SHAPE, prices: [price("spec", "3")] };

  test("is one line for everything in its shape", () => {
    const answer = linesForOrder(ORDER, bundle, "H100");

    expect(answer.priced && answer.lines.map((line) => [line.line, formatQuantity(line.quantity)])).toEqual([
      ["spec", "1"],
    ]);
  });

  test.each([
    { field: "cpu", order: { ...ORDER, cpuMilli: 2001 } },
    { field: "memory", order: { ...ORDER, memoryBytes: GIB + 1 } },
    { field: "gpu", order: { ...ORDER, gpus: 3 } },
    { field: "temp_storage", order: { ...ORDER, tempStorageBytes: 1 } },
  ])("one past its $field is refused", ({ field, order }) => {
    const answer = linesForOrder(order, bundle, "H100");

    expect(answer).toEqual({
      priced: false,
      reason: "exceeds-shape",
      field,
      detail: { code: "order-beyond-spec", params: { field, spec: "basic" } },
    });
  });

  test("exactly at its shape is accepted, and a GPU memory bound holds where there is one", () => {
    const full = { ...ORDER, cpuMilli: 2000, memoryBytes: GIB, gpuMemoryBytes: 9 * GIB };

    expect(linesForOrder(full, bundle, "H100").priced).toBe(true);
    expect(
      linesForOrder(full, { ...bundle, shape: { ...SHAPE, gpuMemoryBytes: 8 * GIB } }, "H100").priced,
    ).toBe(false);
  });

  test("one for a model is for that model alone, known or not, and requires nothing of an order without GPU", () => {
    const forH100 = { ...bundle, shape: { ...SHAPE, gpuModel: "H100" } };

    expect(linesForOrder(ORDER, forH100, "H100").priced).toBe(true);
    expect(linesForOrder(ORDER, forH100, null).priced).toBe(true);
    expect(linesForOrder({ ...ORDER, gpus: 0 }, forH100, "A10").priced).toBe(true);
    expect(linesForOrder(ORDER, forH100, "A10")).toEqual({
      priced: false,
      reason: "exceeds-shape",
      field: "gpu_model",
      detail: {
        code: "spec-of-other-model",
        params: { spec: "basic", spec_gpu_model: "H100", gpu_model: "A10" },
      },
    });
  });

  test("without a shape nothing fits it", () => {
    expect(linesForOrder(ORDER, { ...bundle, shape: null }, "H100")).toMatchObject({
      reason: "exceeds-shape",
      field: "spec",
      detail: { code: "spec-without-shape", params: { spec: "basic" } },
    });
  });
});

describe("a retired price", () => {
  const retired = (line: string) =>
    CATALOGUE.map((one) => (one.line === line ? { ...one, isRetired: true } : one));

  test("is none for an order that needs it, and nobody else's matter", () => {
    const prices = retired("gpu:H100");

    expect(linesForOrder(ORDER, { ...spec, prices }, "H100")).toMatchObject({
      priced: false,
      reason: "no-price",
      field: "gpu",
      detail: { code: "price-retired", params: { line: "gpu:H100", spec: "default" } },
    });
    expect(linesForOrder(ORDER, { ...spec, prices }, "A10").priced).toBe(true);
  });

  test("of a model does not count among the dearest, while other models are sold", () => {
    const answer = dearestLines(ORDER, { ...spec, prices: retired("gpu:H100") }, ["A10", "H100"]);

    expect(answer.priced && answer.lines.at(-1)?.line).toBe("gpu");
  });

  test("of a whole is not sold by its parts instead", () => {
    const prices = [...CATALOGUE, { ...price("spec", "9"), isRetired: true }];

    expect(linesForOrder(ORDER, { spec: "basic", shape: SHAPE, prices }, null)).toMatchObject({
      priced: false,
      field: "spec",
    });
  });
});

describe("the dearest lines", () => {
  const perHour = (models: string[]): string => {
    const answer = dearestLines({ ...ORDER, cpuMilli: 0, memoryBytes: 0 }, spec, models);
    return answer.priced ? formatPoints(hourlyPrice(answer.lines)) : answer.reason;
  };

  test.each([
    { models: ["A10"], expected: "10.0000" },
    { models: ["A10", "H100"], expected: "40.0000" },
    { models: [], expected: "40.0000" },
  ])("over the models $models cost $expected an hour", ({ models, expected }) => {
    expect(perHour(models)).toBe(expected);
  });

  test("models without a price are passed over, and only they are refused", () => {
    const prices = [price("gpu:H100", "20")];
    const order = { ...ORDER, cpuMilli: 0, memoryBytes: 0 };

    expect(dearestLines(order, { ...spec, prices }, ["A10", "H100"]).priced).toBe(true);
    expect(dearestLines(order, { ...spec, prices }, ["A10"])).toMatchObject({
      detail: { code: "line-unpriced", params: { line: "gpu:A10" } },
    });
  });

  test("an order without GPUs does not check models", () => {
    const answer = dearestLines({ ...ORDER, gpus: 0 }, spec, ["H100"]);

    expect(answer.priced && answer.lines.map((line) => line.line)).toEqual(["cpu", "memory"]);
  });
});

describe("a maximum for an hour of the whole order", () => {
  const order = { ...ORDER, cpuMilli: 0, memoryBytes: 0 };
  const within = (hourly: string, instances = 1) => ({
    ...order,
    maximum: { hourly: parsePoints(hourly), instances },
  });

  test.each([
    { what: "exactly the price", maximum: within("40"), model: "H100", priced: true },
    { what: "a ten-thousandth less", maximum: within("39.9999"), model: "H100", priced: false },
    { what: "nothing", maximum: within("0"), model: "A10", priced: false },
    { what: "exactly the price of three", maximum: within("120", 3), model: "H100", priced: true },
    { what: "less than the price of three", maximum: within("119.9999", 3), model: "H100", priced: false },
  ])("$what: $priced on $model", ({ maximum, model, priced }) => {
    expect(linesForOrder(maximum, spec, model).priced).toBe(priced);
  });

  test("is measured by an hour as it is charged, each line rounded by itself", () => {
    const prices = [price("cpu", "0.00005"), price("memory", "0.00005")];
    const small = { ...ORDER, cpuMilli: 1000, memoryBytes: GIB, gpus: 0 };
    const answer = (hourly: string) =>
      linesForOrder(
        { ...small, maximum: { hourly: parsePoints(hourly), instances: 1 } },
        { ...spec, prices },
        null,
      );

    expect(answer("0.0002").priced).toBe(true);
    expect(answer("0.0001")).toMatchObject({ reason: "beyond-maximum" });
  });

  test("passes over dearer models, and where all are names the cheapest and itself", () => {
    const dearest = (hourly: string) => dearestLines(within(hourly), spec, ["H100", "A10"]);

    expect(dearest("39")).toMatchObject({ priced: true, lines: [{ line: "gpu" }] });
    expect(dearest("40")).toMatchObject({ priced: true, lines: [{ line: "gpu:H100" }] });
    expect(dearest("9")).toMatchObject({
      field: "max_price_per_hour",
      detail: { code: "hour-beyond-maximum", params: { hourly: "10.0000", maximum: "9.0000" } },
    });
  });

  test("mentions nothing of what has no price at all", () => {
    expect(linesForOrder(within("0"), { ...spec, prices: CATALOGUE.slice(0, 2) }, "A10")).toMatchObject({
      reason: "no-price",
    });
  });
});

test("one byte is an exact number of GiB", () => {
  expect(formatQuantity(gibQuantity(1))).toBe("0.000000000931322574615478515625");
  expect(formatQuantity(gibQuantity(3 * GIB))).toBe("3");
});

test("a line names what it counts", () => {
  expect(countedOf("gpu:NVIDIA H100: 80")).toBe("gpu");
  expect(countedOf("memory")).toBe("memory");
});
