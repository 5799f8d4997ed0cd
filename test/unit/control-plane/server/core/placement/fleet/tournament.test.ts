import { expect, test } from "vitest";
import { Tournament } from "@remotegpu/control-plane/server/core/placement/fleet/tournament";

/** Nobody's value is the last. */
const NO_HANDLERS = -1;

function tournamentOf(members: number[], values: number[]) {
  const all = Int32Array.from([...values, NO_HANDLERS]);
  const tournament = new Tournament(Int32Array.from(members), all);
  tournament.playAll();
  return { tournament, values: all };
}

test.each<[string, number[], number[], number]>([
  ["the one with the most", [0, 1, 2], [1, 3, 2], 1],
  ["of equals the first", [0, 1, 2, 3, 4], [1, 2, 2, 1, 2], 1],
  ["only members", [1, 3], [9, 4, 9, 5], 3],
  ["a single one", [2], [0, 0, 0], 2],
  ["nobody of none", [], [7, 7], 2],
])("it wins %s", (_what, members, values, winner) => {
  expect(tournamentOf(members, values).tournament.winner()).toBe(winner);
});

test("whose value has changed plays again, from its seat", () => {
  const { tournament, values } = tournamentOf([1, 3, 5], [0, 4, 0, 5, 0, 1]);

  values[5] = 6;
  tournament.play(2);
  expect(tournament.winner()).toBe(5);

  values[5] = NO_HANDLERS;
  tournament.play(2);
  expect(tournament.winner()).toBe(3);
});
