/** What a gang's numbers come to on one host. */
import { expect, test } from "vitest";
import { forwardings, hostGangOf, macOf, mtuOver } from "@remotegpu/agent/core/gangs/gang-plan";
import { gangNetwork } from "../../../../support/samples/gang-samples.ts";

const PEERS = [
  { host: "192.0.2.7", addresses: ["10.224.0.129", "10.224.0.130"] },
  { host: "192.0.2.8", addresses: [] },
];

test("a rank's hardware address follows from its address", () => {
  expect(macOf("10.224.15.128")).toBe("02:42:0a:e0:0f:80");
});

test("each rank elsewhere is behind its host, and questions for addresses go to every other host", () => {
  expect(forwardings({ peers: PEERS })).toEqual([
    { mac: "00:00:00:00:00:00", host: "192.0.2.7" },
    { mac: "02:42:0a:e0:00:81", host: "192.0.2.7" },
    { mac: "02:42:0a:e0:00:82", host: "192.0.2.7" },
    { mac: "00:00:00:00:00:00", host: "192.0.2.8" },
  ]);
});

test("packets are as large as the smallest route takes them wrapped, and nothing is wrapped on one host", () => {
  expect(mtuOver([9000, 1500])).toBe(1450);
  expect(mtuOver([])).toBeNull();
});

test("ranks of one host differ by their addresses alone", () => {
  const one = gangNetwork({ address: "10.224.0.128", peers: PEERS });
  const other = gangNetwork({ address: "10.224.0.129", peers: PEERS });

  expect(hostGangOf(one)).toEqual(hostGangOf(other));
  expect(hostGangOf(one)).not.toHaveProperty("address");
});
