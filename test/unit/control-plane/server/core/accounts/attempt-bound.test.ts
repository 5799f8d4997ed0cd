import { describe, expect, test } from "vitest";
import { AttemptBound } from "@remotegpu/control-plane/server/core/accounts/attempt-bound";

const MINUTE = 60_000;
const at = (ms: number) => new Date(Date.UTC(2026, 2, 1, 12) + ms);

function tried(
  bound: AttemptBound<string>,
  who: { id: number; actor: string } | null,
  times: number,
  ms = 0,
) {
  return Array.from({ length: times }, () =>
    bound.admits(who?.id ?? null, who?.actor ?? null, at(ms)),
  ).filter(Boolean).length;
}
const ada = { id: 1, actor: "ada" };
const bob = { id: 2, actor: "bob" };

describe("attempts of one actor", () => {
  test.each([
    [0, 0],
    [19, 19],
    [20, 20],
    [21, 20],
    [5_000, 20],
  ])("%i in a minute get %i rows of their own", (times, rows) => {
    expect(tried(new AttemptBound(), ada, times)).toBe(rows);
  });

  test("what is beyond is one number of its minute, handed out once it is over and only once", () => {
    const bound = new AttemptBound<string>();
    tried(bound, ada, 25, 10);

    const early = bound.takeCounted(at(MINUTE - 1));
    const due = bound.takeCounted(at(MINUTE));

    expect(early).toEqual([]);
    expect(due).toEqual([{ actor: "ada", minute: at(0), attempts: 5 }]);
    expect(bound.takeCounted(at(2 * MINUTE))).toEqual([]);
  });

  test("the next minute has its own rows, and the number of the one before is retained", () => {
    const bound = new AttemptBound<string>();
    tried(bound, ada, 30);

    expect(tried(bound, ada, 30, MINUTE)).toBe(20);
    expect(bound.takeCounted(at(2 * MINUTE))).toEqual([
      { actor: "ada", minute: at(0), attempts: 10 },
      { actor: "ada", minute: at(MINUTE), attempts: 10 },
    ]);
  });

  test("one actor's flood takes nothing from another", () => {
    const bound = new AttemptBound<string>();
    tried(bound, ada, 100);

    expect(tried(bound, bob, 20)).toBe(20);
  });
});

test("strangers have no rows: they are counted together", () => {
  const bound = new AttemptBound<string>();

  expect(tried(bound, null, 1_000)).toBe(0);
  expect(bound.takeCounted(at(MINUTE))).toEqual([{ actor: null, minute: at(0), attempts: 1_000 }]);
});

test("more actors than can be distinguished are counted like strangers", () => {
  const bound = new AttemptBound<string>();
  for (let id = 1; id <= 10_000; id += 1) tried(bound, { id, actor: "one" }, 1);

  expect(tried(bound, { id: 10_001, actor: "late" }, 3)).toBe(0);
  expect(bound.takeCounted(at(MINUTE))).toEqual([{ actor: null, minute: at(0), attempts: 3 }]);
});

test("what could not be written is counted, and what was handed out in vain is handed out again", () => {
  const bound = new AttemptBound<string>();
  bound.count(ada.id, ada.actor, at(0));
  const counted = bound.takeCounted(at(5), { all: true });

  bound.giveBack(counted);

  expect(counted).toEqual([{ actor: "ada", minute: at(0), attempts: 1 }]);
  expect(bound.takeCounted(at(6))).toEqual(counted);
});
