/** Where webhooks may lead, as far as text and numbers tell: to the public internet and nowhere else. */
import { isLoopbackAddress, isPublicAddress } from "@remotegpu/control-plane/webhooks/receiver-address";
import { MAX_URL_LENGTH, receiverUrl } from "@remotegpu/control-plane/webhooks/receiver-url";
import { describe, expect, test } from "vitest";

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
    ["old way to write IPv4 in IPv6", "::127.0.0.1"],
    ["old way to write a private IPv4", "::a00:1"],
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

describe("URLs", () => {
  const verdict = (url: string, allowLoopback = false) => {
    const checked = receiverUrl(url, { allowLoopback });
    return checked.valid ? checked.host : checked.why;
  };

  test.each([
    ["https://example.com/hook?x=1", "example.com"],
    ["https://example.com:8443/", "example.com"],
    ["https://8.8.8.8/", "8.8.8.8"],
    ["https://[2606:4700:4700::1111]/", "2606:4700:4700::1111"],
  ])("%s is taken", (url, host) => {
    expect(verdict(url)).toBe(host);
  });

  test.each([
    ["http://example.com/", "must be an https:// URL"],
    ["ftp://example.com/", "must be an https:// URL"],
    ["file:///etc/passwd", "must be an https:// URL"],
    ["example.com", "must be an https:// URL"],
    ["", "must be an https:// URL"],
    [`https://example.com/${"x".repeat(MAX_URL_LENGTH)}`, "must be an https:// URL"],
    ["https://ann:secret@example.com/", "must not hold a user or password"],
    ["https://example.com/#part", "must not have a part after #, which is never sent"],
    ["https://10.0.0.1/", "must not lead to an address that is not public"],
    ["https://169.254.169.254/latest/meta-data", "must not lead to an address that is not public"],
    ["https://[::ffff:10.0.0.1]/", "must not lead to an address that is not public"],
    ["https://[fd00:ec2::254]/", "must not lead to an address that is not public"],
    // Browsers' ways to write an address: the URL parser makes one of them.
    ["https://0x7f.1/", "must not lead to an address that is not public"],
    ["https://2130706433/", "must not lead to an address that is not public"],
    ["https://0251.0376.0251.0376/", "must not lead to an address that is not public"],
    ["https://127.0.0.1/", "must not lead to an address that is not public"],
    ["https://localhost/", "must not lead to an address that is not public"],
    ["https://LOCALHOST/", "must not lead to an address that is not public"],
  ])("%s is refused", (url, why) => {
    expect(verdict(url)).toBe(why);
  });

  test.each([
    ["http://127.0.0.1:9000/hook", "127.0.0.1"],
    ["http://localhost/", "localhost"],
    ["http://[::1]:9000/", "::1"],
    ["https://127.0.0.1/", "127.0.0.1"],
  ])("%s is taken where this server itself is allowed", (url, host) => {
    expect(verdict(url, true)).toBe(host);
  });

  test.each(["http://10.0.0.1/", "http://example.com/", "ftp://localhost/", "https://192.168.0.1/"])(
    "%s is refused even there",
    (url) => {
      expect(receiverUrl(url, { allowLoopback: true }).valid).toBe(false);
    },
  );
});
