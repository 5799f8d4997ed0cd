import * as fc from "fast-check";
import {
  BootId,
  GpuUuid,
  HostId,
  InstanceId,
  JournalId,
  RunId,
  WorkloadId,
} from "@remotegpu/shared/values/ids";
import { describe, expect, test } from "vitest";

const isTaken = (schema: typeof HostId | typeof GpuUuid | typeof BootId, value: unknown) =>
  schema.safeParse(value).success;

describe("an id of ours", () => {
  test.each([
    ["a", true],
    ["gpu-7", true],
    ["0f3c", true],
    ["x".repeat(63), true],
    ["x".repeat(64), false],
    ["", false],
    ["-a", false],
    ["Gpu", false],
    ["a.b", false],
    ["a_b", false],
    ["a b", false],
    ["a/b", false],
    ["a*", false],
    [">", false],
    ["a\n", false],
    ["ä", false],
    [7, false],
    [null, false],
  ])("%j is taken: %s", (value, expected) => {
    const taken = [HostId, WorkloadId, InstanceId, RunId].map((schema) => schema.safeParse(value).success);

    expect(taken).toEqual([expected, expected, expected, expected]);
  });

  test("is one token of a NATS subject, one part of a path, and means itself in a URL", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}$/), (id) => {
        expect(isTaken(HostId, id)).toBe(true);
        expect(id).not.toMatch(/[.*>\s/\\]/);
        expect(encodeURIComponent(id)).toBe(id);
      }),
    );
  });
});

test.each([
  ["GPU-5f3b2c1d-0000-1111-2222-333344445555", true],
  ["MIG-5f3b2c1d-0000-1111-2222-333344445555", true],
  ["MIG-GPU-5f3b2c1d-0000-1111-2222-333344445555/1/0", true],
  ["GPU-1234567", false],
  ["TPU-5f3b2c1d-0000-1111-2222-333344445555", false],
  ["GPU-5f3b2c1d 0000", false],
  ["GPU-$(reboot)xxxxx", false],
  [`GPU-${"a".repeat(121)}`, false],
])("a GPU's UUID %j is taken: %s", (value, expected) => {
  expect(isTaken(GpuUuid, value)).toBe(expected);
});

test.each([
  ["a3c9f5c4-8f5e-4e6b-9b1d-2f6f0e7c9a11", true],
  ["a3c9f5c48f5e4e6b9b1d2f6f0e7c9a11", false],
  ["", false],
  ["not-a-uuid", false],
])("a boot's or journal's id %j is taken: %s", (value, expected) => {
  expect([BootId, JournalId].map((schema) => schema.safeParse(value).success)).toEqual([expected, expected]);
});
