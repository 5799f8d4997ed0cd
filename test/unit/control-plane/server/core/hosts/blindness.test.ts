import { expect, test } from "vitest";
import { isBlind } from "@remotegpu/control-plane/server/core/hosts/blindness";

test.each([
  [[], false],
  [["runtime-down", "disk-full"], false],
  [["nvidia-smi-hung"], true],
  [["disk-full", "nvidia-smi-garbage"], true],
  [["nvidia-smi-missing"], true],
])("a host that reports %j sees its cards no more: %s", (degraded, blind) => {
  expect(isBlind(degraded)).toBe(blind);
});
