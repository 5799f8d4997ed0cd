/** Under which name a call of the container runtime is counted. */
import { runtimeCallName } from "@remotegpu/agent/core/metrics/runtime-calls";
import { expect, test } from "vitest";

test.each([
  ["list containers", "list"],
  ["list all containers", "list"],
  ["list containers by network", "list"],
  ["inspect container 4f2a", "inspect"],
  ["create container rg-env-a-1", "create"],
  ["start container 4f2a", "start"],
  ["stop container 4f2a", "stop"],
  ["remove container 4f2a", "remove"],
  ["list images", "image"],
  ["inspect image busybox:1", "image"],
  ["make network rg-1", "network"],
  ["list networks", "network"],
  ["create a command", "exec"],
  ["wait for container 4f2a", "other"],
  ["list volumes", "other"],
  ["", "other"],
])("%j is counted as %s", (what, name) => {
  expect(runtimeCallName(what)).toBe(name);
});
