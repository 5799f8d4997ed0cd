import {
  clientAddress,
  connectionAddress,
  type HostConnection,
} from "@remotegpu/control-plane/server/core/accounts/client-address";
import { expect, test } from "vitest";

test.each([
  ["nobody in front", "203.0.113.7", undefined, "203.0.113.7"],
  ["a proxy of this machine", "127.0.0.1", "203.0.113.7", "203.0.113.7"],
  ["one that adds to the client's own words", "::1", "10.0.0.1, 10.0.0.2 ,2001:db8::1", "2001:db8::1"],
  ["one that names nobody", "::ffff:127.0.0.1", undefined, "::ffff:127.0.0.1"],
  ["one that names what is no address", "127.0.0.1", "10.0.0.1, unknown", "127.0.0.1"],
  ["somebody elsewhere, who is no proxy of ours", "203.0.113.7", "10.0.0.1", "203.0.113.7"],
])("with %s it is the one that can be believed", (_what, peer, forwardedFor, expected) => {
  expect(clientAddress({ peer, forwardedFor, isBehindProxy: true })).toBe(expected);
});

test("where no proxy can be, it is that of the connection", () => {
  const requesting = { peer: "127.0.0.1", forwardedFor: "203.0.113.7", isBehindProxy: false };

  expect(clientAddress(requesting)).toBe("127.0.0.1");
});

test.each<[string, Partial<HostConnection>, string | null]>([
  ["its socket's", { peer: "203.0.113.7" }, "203.0.113.7"],
  ["its socket's, in its one spelling", { peer: "::ffff:203.0.113.7" }, "203.0.113.7"],
  ["what a named proxy saw", { peer: "10.0.0.1", forwardedFor: "203.0.113.7" }, "203.0.113.7"],
  [
    "what the outermost of them saw",
    { peer: "10.0.0.1", forwardedFor: "6.6.6.6, 203.0.113.7, 10.0.0.9" },
    "203.0.113.7",
  ],
  [
    "what the proxy of this machine saw",
    { peer: "127.0.0.1", forwardedFor: "203.0.113.7", isBehindProxy: true },
    "203.0.113.7",
  ],
  // Its word would make any address the host's own.
  ["nobody's, by a proxy that was not named", { peer: "10.9.9.9", forwardedFor: "203.0.113.7" }, null],
  ["nobody's, by one that says so otherwise", { peer: "10.9.9.9", isForwarded: true }, null],
  ["nobody's, by a proxy that names nobody", { peer: "10.0.0.1" }, null],
  [
    "nobody's, by a proxy that names no address",
    { peer: "10.0.0.1", forwardedFor: "203.0.113.7, unknown" },
    null,
  ],
  ["nobody's, within the process", { peer: "local" }, null],
])("from where a host connects is %s", (_what, change, expected) => {
  const requesting = {
    peer: "203.0.113.7",
    forwardedFor: undefined,
    isBehindProxy: false,
    isForwarded: false,
  };

  expect(connectionAddress({ ...requesting, trustedProxies: ["10.0.0.0/28"], ...change })).toBe(expected);
});
