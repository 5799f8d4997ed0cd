/** What of a host's claim about a storage pool is believed, at each bound, one byte before it and one beyond. */
import {
  boundClaims,
  type Claim,
  isDisbelieved,
  type OwnerContents,
  ownerBound,
} from "@remotegpu/control-plane/server/core/billing/storage-bounds";
import { GIB } from "@remotegpu/shared/values/units";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

const gb = (count: number) => BigInt(count) * BigInt(GIB);
const PIB = 2n ** 50n;
const ALLOWANCES = { environmentGb: 10n, jobGb: 20n, diskBytes: gb(1_000) };
const NOTHING: OwnerContents = {
  orderedBytes: 0n,
  environmentsWithoutOrder: 0,
  jobs: 0,
  hasAdministeredFolder: false,
  announcedBytes: 0n,
  openCopies: 0,
  announcedFiles: 0,
};

const claim = (bytes: bigint | null, workspaceId = 1): Claim => ({ workspaceId, bytes });

function bounded(
  claims: readonly Claim[],
  contents: Partial<OwnerContents> = { orderedBytes: gb(5) },
  { takenBytes = 0n, diskBytes = ALLOWANCES.diskBytes } = {},
) {
  const owned = new Map([1, 2].map((id) => [id, { ...NOTHING, ...contents }]));
  return boundClaims(claims, { contents: owned, allowances: { ...ALLOWANCES, diskBytes }, takenBytes });
}

describe("of one owner there lies at most", () => {
  test.each<[string, Partial<OwnerContents>, bigint]>([
    ["nothing where nothing was put", {}, 0n],
    ["what its environments ordered", { orderedBytes: gb(7) }, gb(7)],
    ["the setting for each environment that ordered none", { environmentsWithoutOrder: 3 }, gb(30)],
    ["the setting for each job", { jobs: 2 }, gb(40)],
    ["all of these together", { orderedBytes: gb(7), environmentsWithoutOrder: 1, jobs: 1 }, gb(37)],
    ["the disk where administrators named a folder", { hasAdministeredFolder: true, jobs: 900 }, gb(1_000)],
    ["the disk, however many jobs it had", { jobs: 5_000 }, gb(1_000)],
    ["nothing by an order of an old system that is less than none", { orderedBytes: -1n }, 0n],
    [
      "what was announced of what is being brought, with the blocks of its files",
      { announcedBytes: gb(3), openCopies: 1, announcedFiles: 1_000 },
      gb(3) + 8_192_000n + 64n * 2n ** 20n,
    ],
  ])("%s", (_, contents, expected) => {
    expect(ownerBound({ ...NOTHING, ...contents }, ALLOWANCES)).toBe(expected);
  });
});

describe("a claim", () => {
  test.each([
    ["within its bound is charged", gb(5) - 1n, gb(5) - 1n, 0n],
    ["exactly at it is charged", gb(5), gb(5), 0n],
    ["one byte beyond is charged but for that byte", gb(5) + 1n, gb(5), 1n],
    ["of a PiB is charged up to the bound", PIB, gb(5), PIB - gb(5)],
  ])("%s", (_, bytes, charged, excessBytes) => {
    expect(bounded([claim(bytes)]).samples).toEqual([{ workspaceId: 1, bytes: charged, excessBytes }]);
  });

  test("of an owner with nothing in the pool is set aside whole; that it has nothing is no lie", () => {
    const { samples, strangers } = bounded([claim(PIB, 9), claim(0n, 8), claim(null, 7)]);

    expect(samples).toEqual([]);
    expect(strangers).toEqual([{ workspaceId: 9, bytes: PIB }]);
  });

  test("of nothing has no sample, and what could not be measured has one that states so", () => {
    expect(bounded([claim(0n), claim(null, 2)]).samples).toEqual([
      { workspaceId: 2, bytes: null, excessBytes: 0n },
    ]);
  });

  test("that comes twice counts once, the first time", () => {
    expect(bounded([claim(3n), claim(4n)]).samples).toEqual([{ workspaceId: 1, bytes: 3n, excessBytes: 0n }]);
  });
});

test("an excess raises an alarm beyond what a minute without measuring lets pass", () => {
  expect([0n, 1n, gb(64), gb(64) + 1n].map((excessBytes) => isDisbelieved({ excessBytes }))).toEqual([
    false,
    false,
    false,
    true,
  ]);
});

test("owners of a pool have no more than its disk together, with what was taken before", () => {
  const disk = { takenBytes: 90n, diskBytes: 100n };

  expect(bounded([claim(7n), claim(7n, 2)], {}, disk).samples).toEqual([
    { workspaceId: 1, bytes: 0n, excessBytes: 7n },
    { workspaceId: 2, bytes: 0n, excessBytes: 7n },
  ]);
  expect(bounded([claim(7n), claim(7n, 2)], undefined, disk).samples).toEqual([
    { workspaceId: 1, bytes: 7n, excessBytes: 0n },
    { workspaceId: 2, bytes: 3n, excessBytes: 4n },
  ]);
});

test("whatever is claimed, in whatever parts: nothing is lost or made, and no bound is passed", () => {
  const anyClaims = fc.array(
    fc.record({ workspaceId: fc.integer({ min: 1, max: 4 }), bytes: fc.bigInt({ min: 0n, max: PIB }) }),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(anyClaims, fc.bigInt({ min: 0n, max: gb(20) }), (claims, diskBytes) => {
      const allowances = { ...ALLOWANCES, diskBytes };
      const owned = { ...NOTHING, orderedBytes: gb(5) };
      const contents = new Map([1, 2, 3].map((id) => [id, owned]));

      const { samples } = boundClaims(claims, { contents, allowances, takenBytes: 0n });

      const charged = samples.reduce((sum, { bytes }) => sum + (bytes ?? 0n), 0n);
      expect(charged <= diskBytes).toBe(true);
      for (const { workspaceId, bytes, excessBytes } of samples) {
        expect((bytes ?? 0n) <= ownerBound(owned, allowances)).toBe(true);
        const first = claims.find((one) => one.workspaceId === workspaceId);
        expect((bytes ?? 0n) + excessBytes).toBe(first?.bytes);
      }
    }),
  );
});
