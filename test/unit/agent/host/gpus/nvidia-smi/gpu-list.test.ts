/** The list of `nvidia-smi -L`, with MIG devices and whatever else stands in it. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseGpuList } from "@remotegpu/agent/host/gpus/nvidia-smi/gpu-list";

test("each GPU is listed with its index, name and UUID; MIG devices are none", () => {
  const output = [
    "GPU 0: Example Accelerator (80 GB) (UUID: GPU-11111111-2222-3333-4444-555555555555)",
    "  MIG 1g.10gb     Device  0: (UUID: MIG-aaaaaaaa-2222-3333-4444-555555555555)",
    "GPU 3: Example Accelerator (UUID: GPU-66666666-7777-8888-9999-aaaaaaaaaaaa)",
    "Unable to determine the device handle for gpu 0000:5D:00.0: Unknown Error",
    "",
  ].join("\n");

  expect(parseGpuList(output)).toEqual([
    {
      index: 0,
      name: "Example Accelerator (80 GB)",
      uuid: "GPU-11111111-2222-3333-4444-555555555555",
    },
    { index: 3, name: "Example Accelerator", uuid: "GPU-66666666-7777-8888-9999-aaaaaaaaaaaa" },
  ]);
});

test("other text lists none, and no more are read than a report holds", () => {
  const line = (index: number) => `GPU ${index}: Card (UUID: GPU-${String(index).padStart(8, "0")})`;

  expect(parseGpuList("No devices were found")).toEqual([]);
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(parseGpuList(text)).toEqual([]);
    }),
  );
  expect(parseGpuList(Array.from({ length: 100 }, (_, index) => line(index)).join("\n"))).toHaveLength(64);
});
