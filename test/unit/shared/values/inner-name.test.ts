/** Which names of hosts lead inside, by their text alone. */
import { expect, test } from "vitest";
import { isInnerName } from "@remotegpu/shared/values/inner-name";

test.each(["ghcr.io", "registry-1.docker.io", "REGISTRY.Example.com", "1password.com", "a.b.c.example.org"])(
  "%s may be out there",
  (host) => {
    expect(isInnerName(host)).toBe(false);
  },
);

test.each([
  ["the host itself", "localhost"],
  ["the host itself", "a.localhost"],
  ["a single word", "registry"],
  ["mDNS", "printer.local"],
  ["a cloud's metadata", "metadata.google.internal"],
  ["an office", "git.corp"],
  ["an office", "wiki.intranet"],
  ["a home", "nas.lan"],
  ["a home", "nas.home.arpa"],
  ["a home", "NAS.Home"],
  ["an address", "127.0.0.1"],
  ["an address with fewer parts", "127.1"],
  ["an address as one number", "2130706433"],
  ["an address in hex", "0x7f.0x1"],
  ["an address in octal", "0177.0.0.1"],
  ["an address of IPv6", "[::1]"],
  ["an address of IPv6", "fe80::1"],
  ["a name with its root", "example.com."],
  ["an empty part", "a..com"],
  ["no name", "exa_mple.com"],
  ["nothing", ""],
])("%s leads inside: %s", (_what, host) => {
  expect(isInnerName(host)).toBe(true);
});
