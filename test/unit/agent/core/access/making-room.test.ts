/** Who makes room on a port of SSH that is full. */
import { expect, test } from "vitest";
import { type Guest, whoMakesRoom } from "@remotegpu/agent/core/access/making-room";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";

const NOW_MS = 10 * MS_PER_MINUTE;
/** How long ago it came, from where, and whether it has logged in; in the order of their coming. */
type Row = [agoMs: number, group: string, isNamed?: boolean];
const guest = ([agoMs, group, isNamed = false]: Row): Guest => ({ group, isNamed, cameMs: NOW_MS - agoMs });

test.each<[string, Row[], number | null]>([
  ["nobody where nobody is", [], null],
  [
    "nobody where all have logged in",
    [
      [9_000, "a", true],
      [8_000, "b", true],
    ],
    null,
  ],
  [
    "the only one who has not",
    [
      [9_000, "a", true],
      [2_000, "b"],
      [1_000, "c", true],
    ],
    1,
  ],
  [
    "the oldest where all came from elsewhere",
    [
      [3_000, "a"],
      [2_000, "b"],
      [1_000, "c"],
    ],
    0,
  ],
  [
    "the oldest of the address that has most of them",
    [
      [9_000, "a"],
      [3_000, "b"],
      [2_000, "b"],
      [1_000, "c"],
    ],
    1,
  ],
  [
    "one of the address with most who have not logged in, however many others it has",
    [
      [9_000, "a", true],
      [9_000, "a", true],
      [9_000, "a", true],
      [8_000, "a"],
      [2_000, "b"],
      [1_000, "b"],
    ],
    4,
  ],
  [
    "the older of two addresses that have as many",
    [
      [4_000, "a"],
      [3_000, "b"],
      [2_000, "b"],
      [1_000, "a"],
    ],
    0,
  ],
  [
    "nobody who has stayed for longer than a login may take",
    [
      [2 * MS_PER_MINUTE, "a"],
      [2 * MS_PER_MINUTE, "a"],
    ],
    null,
  ],
  [
    "who has stayed for just that long",
    [
      [2 * MS_PER_MINUTE, "a"],
      [2 * MS_PER_MINUTE - 1, "b"],
    ],
    1,
  ],
])("it is %s", (_what, rows, index) => {
  const guests = rows.map(guest);

  expect(whoMakesRoom(guests, NOW_MS)).toBe(index === null ? null : guests[index]);
});
