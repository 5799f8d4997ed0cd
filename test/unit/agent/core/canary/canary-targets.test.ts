/** To what the canary tries to connect. */
import { describe, expect, test } from "vitest";
import { canaryTargets, connectionsOf } from "@remotegpu/agent/core/canary/canary-targets";

describe("targets", () => {
  const SURROUNDINGS = { listenerPort: 4_000, hostAddresses: ["192.0.2.7"], gateways: [], neighbours: [] };

  test("are every metadata address, and the host by its own address, its gateway and other bridges", () => {
    const targets = canaryTargets({ ...SURROUNDINGS, gateways: ["10.210.0.1", "10.210.1.1", "192.0.2.7"] });
    const of = (attempt: string) =>
      targets.filter((each) => each.attempt === attempt).map(({ address, port }) => `${address}:${port}`);

    expect(of("reach-metadata")).toEqual([
      "169.254.169.254:80",
      "100.100.100.200:80",
      "192.0.0.192:80",
      "168.63.129.16:80",
      "168.63.129.16:32526",
    ]);
    expect(of("reach-host")).toEqual([
      "gateway:4000",
      "192.0.2.7:4000",
      "10.210.0.1:4000",
      "10.210.1.1:4000",
    ]);
    expect(of("reach-neighbour")).toEqual([]);
  });

  test("a host with several addresses is tried by each, once, and by its bridges' beside them", () => {
    const targets = canaryTargets({
      ...SURROUNDINGS,
      hostAddresses: ["192.0.2.7", "192.0.2.7", "198.51.100.4", "10.210.0.1"],
      gateways: ["10.210.0.1", "10.210.1.1"],
    });

    expect(targets.flatMap(({ attempt, address }) => (attempt === "reach-host" ? [address] : []))).toEqual([
      "gateway",
      "192.0.2.7",
      "198.51.100.4",
      "10.210.0.1",
      "10.210.1.1",
    ]);
  });

  test("a host that knows no address but loopback is tried by its gateway", () => {
    const targets = canaryTargets({ ...SURROUNDINGS, hostAddresses: ["127.0.0.1"] });

    expect(targets.flatMap(({ attempt, address }) => (attempt === "reach-host" ? [address] : []))).toEqual([
      "gateway",
    ]);
  });

  test("a neighbour has an address beside it that nobody has", () => {
    const neighbours = ["10.210.3.2", "10.210.3.254"];
    const targets = canaryTargets({ ...SURROUNDINGS, neighbours });

    expect(targets.filter(({ attempt }) => attempt === "reach-neighbour")).toEqual([
      { attempt: "reach-neighbour", address: "10.210.3.2", port: 9, strayAddress: "10.210.3.253" },
      { attempt: "reach-neighbour", address: "10.210.3.254", port: 9, strayAddress: "10.210.3.253" },
    ]);
    expect(connectionsOf(targets).slice(-4)).toEqual([
      { address: "10.210.3.2", port: 9 },
      { address: "10.210.3.253", port: 9 },
      { address: "10.210.3.254", port: 9 },
      { address: "10.210.3.253", port: 9 },
    ]);
  });

  test("of many bridges and neighbours some are enough", () => {
    const many = Array.from({ length: 50 }, (_each, at) => `10.210.${at}.1`);

    const hostAddresses = many.map((address) => address.replace("10.210", "10.1"));
    const targets = canaryTargets({ ...SURROUNDINGS, hostAddresses, gateways: many, neighbours: many });

    // The program takes no more than 32.
    expect(connectionsOf(targets)).toHaveLength(5 + 1 + 8 + 4 + 2 * 4);
  });
});
