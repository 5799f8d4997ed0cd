import { askingAddress } from "@remotegpu/control-plane/core/accounts/asking-address";
import { expect, test } from "vitest";

test.each([
  ["nobody in front", "203.0.113.7", undefined, "203.0.113.7"],
  ["a proxy of this machine", "127.0.0.1", "203.0.113.7", "203.0.113.7"],
  ["one that adds to the client's own words", "::1", "10.0.0.1, 10.0.0.2 ,2001:db8::1", "2001:db8::1"],
  ["one that names nobody", "::ffff:127.0.0.1", undefined, "::ffff:127.0.0.1"],
  ["one that names what is no address", "127.0.0.1", "10.0.0.1, unknown", "127.0.0.1"],
  ["somebody elsewhere, who is no proxy of ours", "203.0.113.7", "10.0.0.1", "203.0.113.7"],
])("with %s it is the one that can be believed", (_what, peer, forwardedFor, expected) => {
  expect(askingAddress({ peer, forwardedFor, isBehindProxy: true })).toBe(expected);
});

test("where no proxy can be, it is that of the connection", () => {
  const asking = { peer: "127.0.0.1", forwardedFor: "203.0.113.7", isBehindProxy: false };

  expect(askingAddress(asking)).toBe("127.0.0.1");
});
