/** Addresses and networks by what they mean, whichever way they are written. */
import { expect, test } from "vitest";
import {
  isWithin,
  normalAddress,
  normalNetwork,
  readAddress,
} from "@remotegpu/shared/values/network-address";

test.each([
  ["10.0.0.7", "10.0.0.7"],
  ["::ffff:10.0.0.7", "10.0.0.7"],
  ["::FFFF:0a00:0007", "10.0.0.7"],
  ["2001:DB8:0:0::7", "2001:db8::7"],
  ["fe80::1%eth0", null],
  ["127.1", null],
  ["0x7f.0.0.1", null],
  ["010.0.0.1", null],
  ["2130706433", null],
  ["localhost", null],
  ["gpu-1.example.com", null],
  [" 10.0.0.7", null],
  ["", null],
])("%j in its one spelling is %j", (text, expected) => {
  expect(normalAddress(text)).toBe(expected);
});

test.each([
  ["10.0.0.7", "machine"],
  ["203.0.113.7", "machine"],
  ["100.64.0.1", "machine"],
  ["2001:db8::7", "machine"],
  ["fd12:3456::7", "machine"],
  ["127.0.0.1", "loopback"],
  ["127.255.255.254", "loopback"],
  ["::1", "loopback"],
  ["::ffff:127.0.0.1", "loopback"],
  ["::ffff:7f00:1", "loopback"],
  ["169.254.1.1", "link-local"],
  ["169.254.169.254", "link-local"],
  ["::ffff:169.254.169.254", "link-local"],
  ["fe80::1", "link-local"],
  ["febf::1", "link-local"],
  ["fd00:ec2::254", "metadata"],
  ["FD00:0EC2::0254", "metadata"],
  ["fd20:ce::254", "metadata"],
  ["100.100.100.200", "metadata"],
  ["168.63.129.16", "metadata"],
  ["0.0.0.0", "nobody"],
  ["0.1.2.3", "nobody"],
  ["::", "nobody"],
  ["::ffff:0.0.0.0", "nobody"],
  ["::127.0.0.1", "loopback"],
  ["::7f00:1", "nobody"],
  ["64:ff9b::7f00:1", "nobody"],
  ["64:ff9b:1::7f00:1", "nobody"],
  ["::ffff:0:127.0.0.1", "nobody"],
  ["2002:7f00:1::", "nobody"],
  ["224.0.0.1", "nobody"],
  ["ff02::1", "nobody"],
  ["240.0.0.1", "nobody"],
  ["255.255.255.255", "nobody"],
  ["gpu-1", null],
])("%s is of use %s", (text, expected) => {
  expect(readAddress(text)?.use ?? null).toBe(expected);
});

test.each([
  ["10.0.0.0/8", "10.0.0.0/8"],
  ["10.20.0.0", "10.20.0.0/32"],
  ["0.0.0.0/0", "0.0.0.0/0"],
  ["FD12:3456::/48", "fd12:3456::/48"],
  ["2001:db8::7", "2001:db8::7/128"],
  ["10.0.0.1/8", null],
  ["10.0.0.0/33", null],
  ["10.0.0.0/-1", null],
  ["10.0.0.0/08", null],
  ["10.0.0.0/", null],
  ["10.0.0.0/8/8", null],
  ["::ffff:10.0.0.0/104", null],
  ["fd12::/129", null],
  ["example.com/8", null],
  ["", null],
])("%j as a network is %j", (text, expected) => {
  expect(normalNetwork(text)).toBe(expected);
});

test.each([
  ["10.255.0.1", "10.0.0.0/8", true],
  ["::ffff:10.255.0.1", "10.0.0.0/8", true],
  ["11.0.0.1", "10.0.0.0/8", false],
  ["10.0.0.7", "10.0.0.7", true],
  ["fd12:3456::9", "fd12:3456::/48", true],
  ["fd12:3457::9", "fd12:3456::/48", false],
  ["10.0.0.7", "::/0", false],
  ["fd12::1", "0.0.0.0/0", false],
  ["gpu-1", "0.0.0.0/0", false],
])("%s within %s: %s", (address, network, expected) => {
  expect(isWithin(address, network)).toBe(expected);
});
