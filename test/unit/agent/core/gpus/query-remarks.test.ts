/** What nvidia-smi says of single GPUs beside its tables. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { isSameGpu, remarksIn } from "@remotegpu/agent/core/gpus/query-remarks";

const HANDLE = "Unable to determine the device handle for";

test.each([
  [
    `${HANDLE} GPU1: 0000:5D:00.0: GPU is lost.  Reboot the system to recover this GPU`,
    { busKey: "00000000:5d:00", index: 1, sign: { code: "gpu-lost" } },
  ],
  [
    `${HANDLE} GPU 0000:5D:00.0: Unknown Error`,
    { busKey: "00000000:5d:00", index: null, sign: { code: "unknown-error" } },
  ],
  [
    `${HANDLE} GPU0000:41:00.0: Unknown Error`,
    { busKey: "00000000:41:00", index: null, sign: { code: "unknown-error" } },
  ],
  [
    `${HANDLE} gpu 00000000:41:00.0: GPU requires reset.`,
    { busKey: "00000000:41:00", index: null, sign: { code: "requires-reset" } },
  ],
  [`${HANDLE} GPU3: Not Found`, { busKey: null, index: 3, sign: { code: "unknown-error" } }],
])("%s", (line, remark) => {
  expect(remarksIn(`header\n${line}\r\nmore`, 255)).toMatchObject([{ kind: "sign", ...remark }]);
});

test("the exit code 15 proves what the words state", () => {
  const line = `${HANDLE} GPU1: 0000:5D:00.0: GPU is lost.`;

  expect(remarksIn(line, 15)).toMatchObject([{ sign: { weight: "proof" } }]);
  expect(remarksIn(line, 255)).toMatchObject([{ sign: { weight: "open" } }]);
});

test("that we may not query reports nothing of the card", () => {
  expect(remarksIn(`${HANDLE} GPU1: 0000:5D:00.0: Insufficient Permissions`, 4)).toEqual([]);
});

test("a corrupted infoROM is a warning", () => {
  expect(remarksIn("WARNING: infoROM is corrupted at gpu 0000:3B:00.0", 14)).toEqual([
    {
      kind: "warning",
      busKey: "00000000:3b:00",
      index: null,
      why: { code: "gpu-inforom-corrupted", params: {} },
    },
  ]);
});

test("other lines are none, and no more are read than a host has cards", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(remarksIn(text, 255)).toEqual([]);
    }),
  );
  expect(remarksIn("No devices were found", 6)).toEqual([]);
  expect(remarksIn(`${HANDLE} GPU3: Not Found\n`.repeat(100), 255)).toHaveLength(64);
});

test.each([
  [{ busKey: "a", index: 0 }, { busKey: "a", index: 1 }, true],
  [{ busKey: "a", index: 0 }, { busKey: "b", index: 0 }, false],
  [{ busKey: null, index: 2 }, { busKey: "b", index: 2 }, true],
  [{ busKey: null, index: 2 }, { busKey: "b", index: 3 }, false],
  [{ busKey: null, index: null }, { busKey: null, index: null }, false],
])("%j and %j mean the same GPU: %s", (one, other, isSame) => {
  expect(isSameGpu(one, other)).toBe(isSame);
});
