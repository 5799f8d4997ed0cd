/** From where clients come, and who shares a bound with whom. */
import { expect, test } from "vitest";
import { addressOf, groupOf } from "@remotegpu/agent/core/access/client-group";

test.each([
  ["198.51.100.4", "198.51.100.4"],
  ["::ffff:198.51.100.4", "198.51.100.4"],
  ["2001:db8::7", "2001:db8::7"],
  ["fe80::1%eth0", "fe80::1"],
  ["", ""],
])("%j is reported as %j", (remote, address) => {
  expect(addressOf(remote)).toBe(address);
});

test.each([
  ["198.51.100.4", "198.51.100.4"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::1", "2001:db8:1:2::/64"],
  ["2001:0DB8:0001:0002::1", "2001:db8:1:2::/64"],
  ["2001:db8::7", "2001:db8:0:0::/64"],
  ["2001:db8:0:1::7", "2001:db8:0:1::/64"],
  ["::1", "0:0:0:0::/64"],
  ["1::2:3:4:5", "1:0:0:0::/64"],
  ["64:ff9b::1.2.3.4", "64:ff9b:0:0::/64"],
])("%j counts as %j", (address, group) => {
  expect(groupOf(address)).toBe(group);
});
