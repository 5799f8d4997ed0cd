/** Which addresses are of the public internet, by their numbers alone. */
import { describe, expect, test } from "vitest";
import { isLoopbackAddress, isPublicAddress } from "@remotegpu/shared/values/public-address";

describe("addresses", () => {
  test.each([
    "8.8.8.8",
    "93.184.216.34",
    "2606:4700:4700::1111",
    // An IPv4 address in IPv6 clothes is what it is.
    "::ffff:8.8.8.8",
  ])("%s is public", (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  test.each([
    ["unspecified", "0.0.0.0"],
    ["this network", "0.1.2.3"],
    ["private", "10.0.0.1"],
    ["private", "172.16.0.1"],
    ["private", "172.31.255.255"],
    ["private", "192.168.1.1"],
    ["shared by carriers, and Alibaba's metadata", "100.100.100.200"],
    ["loopback", "127.0.0.1"],
    ["loopback", "127.255.255.254"],
    ["link-local: the metadata of most clouds", "169.254.169.254"],
    ["Azure's host", "168.63.129.16"],
    ["Azure's host in IPv6 clothes", "::ffff:168.63.129.16"],
    ["reserved by the IETF, and Oracle's metadata", "192.0.0.192"],
    ["documentation", "192.0.2.1"],
    ["benchmarking", "198.18.0.1"],
    ["multicast", "224.0.0.1"],
    ["multicast", "239.255.255.250"],
    ["reserved", "240.0.0.1"],
    ["broadcast", "255.255.255.255"],
    ["unspecified", "::"],
    ["loopback", "::1"],
    ["mapped loopback", "::ffff:127.0.0.1"],
    ["mapped loopback in hex", "::ffff:7f00:1"],
    ["mapped metadata", "::ffff:169.254.169.254"],
    ["old form of IPv4 in IPv6", "::127.0.0.1"],
    ["old form of a private IPv4", "::a00:1"],
    ["NAT64 of a private address", "64:ff9b::a00:1"],
    ["NAT64 of one's own", "64:ff9b:1::a00:1"],
    ["6to4 of a private address", "2002:a00:1::"],
    ["Teredo", "2001:0:a00:1::"],
    ["unique local: Amazon's metadata", "fd00:ec2::254"],
    ["link-local", "fe80::1"],
    ["link-local with a zone", "fe80::1%eth0"],
    ["site-local of old", "fec0::1"],
    ["multicast", "ff02::1"],
    ["documentation", "2001:db8::1"],
    ["discarded", "100::1"],
    ["not assigned", "4000::1"],
    ["shorthand", "127.1"],
    ["a number", "2130706433"],
    ["octal", "0177.0.0.1"],
    ["no address", "example.com"],
    ["nothing", ""],
  ])("%s: %s is not", (_what, address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  test.each(["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])("%s is this machine", (address) => {
    expect(isLoopbackAddress(address)).toBe(true);
  });

  test.each(["10.0.0.1", "0.0.0.0", "::", "example.com"])("%s is not surely this machine", (address) => {
    expect(isLoopbackAddress(address)).toBe(false);
  });
});
