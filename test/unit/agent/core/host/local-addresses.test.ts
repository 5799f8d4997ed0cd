import { expect, test } from "vitest";
import { localAddresses } from "@remotegpu/agent/core/host/local-addresses";

/** A container on a bridge, as the kernel prints it. */
const CONTAINER = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.210.3.0/24 2 0 2
        +-- 10.210.3.0/30 2 0 2
           |-- 10.210.3.0
              /24 link UNICAST
           |-- 10.210.3.2
              /32 host LOCAL
        |-- 10.210.3.255
           /32 link BROADCAST
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
`;

test("a container's own address is found, and neither its network's nor loopback's", () => {
  expect(localAddresses(CONTAINER)).toEqual(["10.210.3.2"]);
});

test("an address that stands in both of the kernel's tables counts once", () => {
  expect(localAddresses(`${CONTAINER}${CONTAINER.replace("Main", "Local")}`)).toEqual(["10.210.3.2"]);
});

test.each(["", "nonsense\n", "Main:\n     |-- 10.0.0.1\n", "/32 host LOCAL\n"])("%j names none", (text) => {
  expect(localAddresses(text)).toEqual([]);
});
