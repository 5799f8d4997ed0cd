/** Which setting a mistyped one was probably meant to be. */
import { expect, test } from "vitest";
import { SETTING_NAMES as AGENT_NAMES } from "@remotegpu/agent/config/config";
import { SETTING_NAMES } from "@remotegpu/control-plane/server/config";
import { editDistance, nearestName } from "@remotegpu/shared/settings/nearest-name";

test.each([
  ["REMOTEGPU_LOGLEVEL", "REMOTEGPU_LOG_LEVEL"],
  ["REMOTEGPU_LSITEN", "REMOTEGPU_LISTEN"],
  ["remotegpu_listen", "REMOTEGPU_LISTEN"],
  ["REMOTEGPU_DATABASE_URL", "DATABASE_URL"],
  ["DATABSE_URL", "DATABASE_URL"],
  ["REMOTEGPU_STATEDIR", "REMOTEGPU_STATE_DIR"],
  ["HTTPS_PROXY", null],
  ["REMOTEGPU_X", null],
])("of the control plane's, %s is nearest to %s", (name, nearest) => {
  expect(nearestName(name, SETTING_NAMES)).toBe(nearest);
});

test.each([...AGENT_NAMES])("%s without one of its letters is nearest to it", (name) => {
  const at = name.length - 2;

  expect(nearestName(name.slice(0, at) + name.slice(at + 1), AGENT_NAMES)).toBe(name);
});

test.each([
  ["", "", 0],
  ["abc", "", 3],
  ["abc", "abc", 0],
  ["abc", "acb", 1],
  ["kitten", "sitting", 3],
])("from %j to %j it is %i", (from, to, distance) => {
  expect(editDistance(from, to)).toBe(distance);
  expect(editDistance(to, from)).toBe(distance);
});
