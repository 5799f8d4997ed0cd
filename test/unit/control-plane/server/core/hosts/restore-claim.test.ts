import { describe, expect, test } from "vitest";
import {
  MAX_RESTORES_A_DAY,
  restoreClaim,
  type ReportedNumbers,
} from "@remotegpu/control-plane/server/core/hosts/restore-claim";

const held: ReportedNumbers = { term: 7, generation: 20, watermark: 1_000, dbIncarnation: 2 };
const NAMES = ["term", "generation", "watermark", "dbIncarnation"] as const;

test("a host that knows what the database knows, or less, shows nothing", () => {
  expect(restoreClaim(held, held, 0)).toEqual({ kind: "none" });
  expect(restoreClaim({ term: 0, generation: 0, watermark: 0, dbIncarnation: 0 }, held, 99)).toEqual({
    kind: "none",
  });
});

describe.each(NAMES)("a %s", (name) => {
  test("one beyond the database's shows that it was restored", () => {
    expect(restoreClaim({ ...held, [name]: held[name] + 1 }, held, 0)).toEqual({ kind: "restored" });
  });

  test("that no host can have received is not believed", () => {
    expect(restoreClaim({ ...held, [name]: Number.MAX_SAFE_INTEGER }, held, 0)).toMatchObject({
      kind: "impossible",
      why: { code: "numbers-beyond-held", params: expect.objectContaining({ number_name: name }) },
    });
  });
});

test("a million terms behind is believed, one more is not", () => {
  expect(restoreClaim({ ...held, term: held.term + 1_000_000 }, held, 0)).toEqual({ kind: "restored" });
  expect(restoreClaim({ ...held, term: held.term + 1_000_001 }, held, 0)).toMatchObject({
    kind: "impossible",
  });
});

test("one host shows only so many restores in a day", () => {
  const reported = { ...held, term: held.term + 1 };

  expect(restoreClaim(reported, held, MAX_RESTORES_A_DAY - 1)).toEqual({ kind: "restored" });
  expect(restoreClaim(reported, held, MAX_RESTORES_A_DAY)).toMatchObject({ kind: "impossible" });
});
