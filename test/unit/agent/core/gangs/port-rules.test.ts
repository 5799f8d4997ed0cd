/** Who may speak to the port of gang networks. */
import { expect, test } from "vitest";
import type { HostId } from "@remotegpu/shared/values/ids";
import { hostGangOf } from "@remotegpu/agent/core/gangs/gang-plan";
import { ownPortRules, portRules } from "@remotegpu/agent/core/gangs/port-rules";
import { gangNetwork } from "../../../../support/samples/gang-samples.ts";

const HOST = "host-1" as HostId;
const OTHER = "host-12" as HostId;
const gangWith = (...hosts: string[]) =>
  hostGangOf(gangNetwork({ peers: hosts.map((host) => ({ host, addresses: [] })) }));
const rulesOf = (...gangs: ReturnType<typeof gangWith>[]) =>
  portRules(gangs, { hostId: HOST, forwardChain: "mangle/FORWARD" });

const PORT = "-p udp -m udp --dport 8473 -m comment --comment remotegpu-host-1";

test("the other hosts of a gang may, nobody else, and no container through this host", () => {
  expect(rulesOf(gangWith("192.0.2.7"))).toEqual([
    { text: `REMOTEGPU-GANGS -s 192.0.2.7/32 ${PORT} -j ACCEPT`, comes: "first" },
    { text: `mangle/FORWARD ! -d 10.224.0.0/12 ${PORT} -j DROP`, comes: "first" },
    { text: `REMOTEGPU-GANGS ${PORT} -j DROP`, comes: "last" },
  ]);
});

test("what two gangs need of one host stands there once", () => {
  const both = rulesOf(gangWith("192.0.2.7"), gangWith("192.0.2.7", "192.0.2.8"));

  expect(both).toHaveLength(4);
  expect(both.filter(({ text }) => text.includes("192.0.2.7/32"))).toHaveLength(1);
});

test("a gang on this host alone opens nothing", () => {
  expect(rulesOf(gangWith())).toEqual([]);
});

test("an agent knows its rules from those of another on the same machine", () => {
  const own = rulesOf(gangWith("192.0.2.7")).map(({ text }) => text);
  const others = portRules([gangWith("192.0.2.7")], { hostId: OTHER, forwardChain: "mangle/FORWARD" });
  const listing = [
    "-P INPUT ACCEPT",
    ...[...own, ...others.map(({ text }) => text)].map((text) => `-A ${text}`),
  ];

  expect(ownPortRules(listing, HOST)).toEqual(own);
});
