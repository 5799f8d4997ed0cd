/** Which of several servers is the primary, by what each says of itself. */
import { expect, test } from "vitest";
import {
  choosePrimary,
  describeServers,
  type KnownPrimary,
  type SeenServer,
} from "@remotegpu/control-plane/server/core/database/primary-choice";

const primary = (place: string, number: number, system = "ours"): SeenServer => ({
  place,
  state: { kind: "primary", timeline: { system, number } },
});
const standby: SeenServer = { place: "db2", state: { kind: "standby" } };
const silent: SeenServer = { place: "db2", state: { kind: "silent" } };
const NOTHING: KnownPrimary = { timeline: null, place: null };
const known = (number: number, place: string | null = null): KnownPrimary => ({
  timeline: { system: "ours", number },
  place,
});

test.each([
  ["the primary whichever stands first", [standby, primary("db1", 1)], NOTHING, "db1"],
  ["none among standbys and silent ones", [standby, silent], NOTHING, undefined],
  ["the later timeline of two", [primary("db1", 1), primary("db2", 2)], NOTHING, "db2"],
  ["none where a former primary alone answers", [primary("db1", 1), silent], known(2), undefined],
  ["the same timeline again", [primary("db1", 2)], known(2), "db1"],
  ["another system where the known one is gone", [primary("db1", 1, "new"), silent], known(7), "db1"],
  ["the known system before another", [primary("db1", 9, "new"), primary("db2", 7)], known(7), "db2"],
  ["no former one for another system", [primary("db1", 1, "new"), primary("db2", 6)], known(7), "db1"],
  ["the one in use of two alike", [primary("db1", 2), primary("db2", 2)], known(2, "db2"), "db2"],
])("chooses %s", (_, servers, before, place) => {
  expect(choosePrimary(servers, before)?.place).toBe(place);
});

test("says of each server why it is not the primary", () => {
  const servers = [primary("db1:5432", 1), standby, { ...silent, place: "db3" }];

  expect(describeServers(servers, { system: "ours", number: 2 })).toBe(
    "db1:5432 (former primary, timeline 1 before 2), db2 (standby), db3 (does not answer)",
  );
});
