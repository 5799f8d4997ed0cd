import { expect, test } from "vitest";
import { hostClasses } from "@remotegpu/control-plane/server/core/placement/fleet/host-classes";

test("hosts of one key are one class, in their order, and each knows its seat", () => {
  const keys = ["b", "a", "b", "c", "a", "b"];

  const { classOf, members, seatOf } = hostClasses(keys.length, (host) => keys[host] ?? "");

  expect([...classOf]).toEqual([0, 1, 0, 2, 1, 0]);
  expect(members.map((hosts) => [...hosts])).toEqual([[0, 2, 5], [1, 4], [3]]);
  expect([...seatOf]).toEqual([0, 0, 1, 0, 1, 2]);
});

test("of no hosts there is no class", () => {
  expect(hostClasses(0, () => "a").members).toEqual([]);
});
