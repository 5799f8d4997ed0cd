/** Which address of a host counts, and what is never connected to on a host's account. */
import { describe, expect, test } from "vitest";
import {
  addressesToDial,
  type AddressEvidence,
  addressForPeople,
  addressVerdict,
  readNetworks,
  whyNeverDialled,
} from "@remotegpu/control-plane/server/core/hosts/host-address";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";

const OWN = { addresses: new Set(["10.0.0.2", "127.0.0.1", "fd12::2"]) };
const evidenceOf = (change: Partial<AddressEvidence> = {}): AddressEvidence => ({
  reported: "10.0.0.7",
  publicAddress: null,
  seen: [],
  confirmedAddress: null,
  networks: [],
  isOnThisMachine: false,
  ...change,
});

describe("an address that a host reports", () => {
  test.each<[string, Partial<AddressEvidence>, string]>([
    ["connection", { seen: ["203.0.113.9", "10.0.0.7"] }, "its own connections came from there"],
    [
      "connection",
      { reported: "::ffff:10.0.0.7", seen: ["10.0.0.7"] },
      "its own connections came from there",
    ],
    ["administrator", { confirmedAddress: "10.0.0.7" }, "which an administrator has confirmed"],
    [
      "network",
      { networks: ["192.168.0.0/16", "10.0.0.0/24"] },
      "which lies in 10.0.0.0/24 of HOST_NETWORKS",
    ],
    ["same-machine", { reported: "127.0.0.1", isOnThisMachine: true }, "its agent runs on this machine"],
    ["same-machine", { reported: "10.0.0.2", isOnThisMachine: true }, "its agent runs on this machine"],
  ])("is confirmed by %s: %j", (by, evidence, why) => {
    const verdict = addressVerdict(evidenceOf(evidence), OWN);

    expect(verdict).toMatchObject({ isConfirmed: true, by });
    expect(inEnglish(verdict.reason)).toContain(why);
  });

  test.each<[string, Partial<AddressEvidence>]>([
    ["no connection of its own was seen to come from there yet", {}],
    ["its own connections come from 203.0.113.9", { seen: ["203.0.113.9"] }],
    ["its own connections come from 203.0.113.9", { seen: ["203.0.113.9"], confirmedAddress: "10.0.0.8" }],
    ["no connection of its own was seen to come from there yet", { networks: ["10.0.1.0/24"] }],
    ["It reports no IP address", { reported: "gpu-1.example.com", seen: ["gpu-1.example.com"] }],
    ["It reports no IP address", { reported: "" }],
    ["no connection of its own was seen", { isOnThisMachine: true }],
  ])("is not, since %s: %j", (why, evidence) => {
    const verdict = addressVerdict(evidenceOf(evidence), OWN);

    expect(verdict.isConfirmed).toBe(false);
    expect(inEnglish(verdict.reason)).toContain(why);
  });

  test.each([
    ["127.0.0.1", "is an address of the control plane itself"],
    ["127.0.0.53", "is a loopback address"],
    ["::1", "is a loopback address"],
    ["::ffff:127.0.0.53", "is a loopback address"],
    ["169.254.169.254", "is a link-local address"],
    ["fe80::1", "is a link-local address"],
    ["fd00:ec2::254", "is an address of a cloud's metadata"],
    ["0.0.0.0", "is no machine's address"],
    ["::", "is no machine's address"],
    ["10.0.0.2", "is an address of the control plane itself"],
    ["fd12::2", "is an address of the control plane itself"],
  ])("is never %s, whoever confirms it", (reported, why) => {
    const everybody = evidenceOf({
      reported,
      seen: [reported],
      confirmedAddress: reported,
      networks: ["0.0.0.0/0", "::/0"],
      publicAddress: reported,
    });

    expect(addressVerdict(everybody, OWN)).toMatchObject({ isConfirmed: false });
    expect(inEnglish(addressVerdict(everybody, OWN).reason)).toContain(why);
    expect(addressesToDial(everybody, OWN)).toEqual([]);
  });

  test.each(["169.254.169.254", "fd00:ec2::254", "0.0.0.0", "224.0.0.1"])(
    "on this machine, %s is refused all the same",
    (address) => {
      expect(whyNeverDialled(address, { isOnThisMachine: true }, OWN)).not.toBeNull();
    },
  );
});

describe("what is connected to", () => {
  test.each<[string, Partial<AddressEvidence>, string[]]>([
    ["nothing unconfirmed", {}, []],
    ["its own", { seen: ["10.0.0.7"] }, ["10.0.0.7"]],
    [
      "its own and the public one",
      { seen: ["10.0.0.7"], publicAddress: "198.51.100.7" },
      ["10.0.0.7", "198.51.100.7"],
    ],
    ["the public one alone", { publicAddress: "198.51.100.7" }, ["198.51.100.7"]],
    ["a name that an administrator gave", { publicAddress: "gpu-1.example.com" }, ["gpu-1.example.com"]],
    ["each once", { seen: ["10.0.0.7"], publicAddress: "10.0.0.7" }, ["10.0.0.7"]],
    ["none of metadata, even as the public one", { publicAddress: "169.254.169.254" }, []],
  ])("is %s", (_what, evidence, expected) => {
    expect(addressesToDial(evidenceOf(evidence), OWN)).toEqual(expected);
  });

  test("people are sent to the public one, else to its own where that is confirmed", () => {
    expect(addressForPeople(evidenceOf({ publicAddress: "gpu.example.com" }), OWN)).toBe("gpu.example.com");
    expect(addressForPeople(evidenceOf({ seen: ["10.0.0.7"] }), OWN)).toBe("10.0.0.7");
    expect(addressForPeople(evidenceOf(), OWN)).toBeNull();
  });
});

test.each<[string, string[] | null]>([
  ["none", []],
  ["10.0.0.0/8", ["10.0.0.0/8"]],
  ["10.0.0.0/8, fd12::/16", ["10.0.0.0/8", "fd12::/16"]],
  ["10.0.0.0/8,10.0.0.0/8", null],
  ["10.0.0.0/8,", null],
  ["any", null],
  ["", null],
  [Array.from({ length: 101 }, (_, n) => `10.0.${n}.0/24`).join(","), null],
])("the list %j is %j", (value, expected) => {
  expect(readNetworks(value)).toEqual(expected);
});
