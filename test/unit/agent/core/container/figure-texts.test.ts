/** What the kernel's texts say of what a container has used. */
import { describe, expect, test } from "vitest";
import { cpuMsOfStat, cpuMsOfUsage, networkBytesOf } from "@remotegpu/agent/core/container/figure-texts";

test.each([
  ["usage_usec 93512999\nuser_usec 1\nsystem_usec 2\n", 93_512],
  ["usage_usec 0\n", 0],
  ["nr_periods 5\nusage_usec 1000\n", 1],
  ["user_usec 7\n", null],
  ["usage_usec -1\n", null],
  ["", null],
])("version 2 reports %j: %s ms", (text, cpuMs) => {
  expect(cpuMsOfStat(text)).toBe(cpuMs);
});

test.each([
  ["93512999999\n", 93_512],
  ["0\n", 0],
  // Three hundred years of one core, beyond what a number holds to the nanosecond.
  ["9467280000000000123\n", 9_467_280_000_000],
  ["12 13\n", null],
  ["usage_usec 5\n", null],
  ["", null],
])("version 1 reports %j: %s ms", (text, cpuMs) => {
  expect(cpuMsOfUsage(text)).toBe(cpuMs);
});

describe("the network", () => {
  const HEAD =
    "Inter-|   Receive                                                |  Transmit\n" +
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n";

  test("counts all interfaces but the loopback", () => {
    const text =
      `${HEAD}    lo: 9999999     10    0    0    0     0          0         0  9999999      10    0    0    0     0       0          0\n` +
      `  eth0: 4821100     10    0    0    0     0          0         0  1200455      10    0    0    0     0       0          0\n` +
      `  eth1:7 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n`;

    expect(networkBytesOf(text)).toEqual({ inBytes: 4_821_107, outBytes: 1_200_464 });
  });

  test("is nothing for a container with a loopback alone, and unknown without a text", () => {
    expect(networkBytesOf(`${HEAD}    lo: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n`)).toEqual({
      inBytes: 0,
      outBytes: 0,
    });
    expect(networkBytesOf("")).toBeNull();
    expect(networkBytesOf("eth0: 99999999999999999999 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n")).toBeNull();
  });
});
