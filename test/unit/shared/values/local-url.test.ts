/** Where a process of this machine is reached by the address on which it listens. */
import { localPlace } from "@remotegpu/shared/values/local-url";
import { expect, test } from "vitest";

test.each([
  ["0.0.0.0", "127.0.0.1:80"],
  ["::", "[::1]:80"],
  ["10.0.0.8", "10.0.0.8:80"],
  ["fd00::8", "[fd00::8]:80"],
])("what listens on %s is reached at %s", (address, place) => {
  expect(localPlace({ address, port: 80 })).toBe(place);
});
