/** What is told of connections to a replica that drains. */
import { expect, test } from "vitest";
import { withOpenStreams } from "@remotegpu/agent/core/leases/stream-facts";
import { ObservedInstance } from "@remotegpu/shared/instance/instance";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import { BOOT, key } from "../../../../support/samples/run-samples.ts";

const INSTANCE = ObservedInstance.parse({
  ...key(),
  phase: "ready",
  detail: "It runs.",
  problem: null,
  containerId: null,
  exitCode: null,
  gateOpenedMs: null,
  bootId: BOOT,
});
const { instanceId } = INSTANCE;

function reported({
  draining,
  streams,
}: {
  draining: boolean;
  streams: readonly { instanceId: typeof instanceId; open: number }[];
}) {
  const desired = desiredOf("r", {}, key());
  const live = { ...desired.live, ...(draining && { draining: true as const }) };
  return withOpenStreams([INSTANCE], { desired: [{ ...desired, live }], streams })[0]?.openStreams;
}

test("is how many there are, where it drains and that is known", () => {
  expect(reported({ draining: true, streams: [{ instanceId, open: 3 }] })).toBe(3);
  expect(reported({ draining: true, streams: [{ instanceId, open: 0 }] })).toBe(0);
  expect(reported({ draining: true, streams: [] })).toBeUndefined();
  expect(reported({ draining: false, streams: [{ instanceId, open: 3 }] })).toBeUndefined();
});
