/** The tree of RFC 6962, section 2.1, with the vectors of Certificate Transparency's own implementation. */
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  GrowingTree,
  type Hash,
  leafHash,
  levelsOf,
  nodeHash,
  pairs,
  proofOf,
  rootOfRun,
} from "@remotegpu/shared/proof/merkle-tree";

const hash: Hash = (...parts) => {
  const sum = createHash("sha256");
  for (const part of parts) sum.update(part);
  return sum.digest();
};
const hex = (bytes: Uint8Array | null) => Buffer.from(bytes ?? []).toString("hex");

const INPUTS = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
];
const ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

function leavesOf(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, at) => leafHash(hash, Buffer.from(INPUTS[at % 8] ?? "", "hex")));
}

/** All levels, as a host has them on its disk. */
function levelsUpFrom(leaves: Uint8Array[]): Uint8Array[][] {
  const levels = [leaves];
  for (let level = leaves; level.length > 1; levels.push(level)) level = pairs(hash, level);
  return levels;
}

test.each(ROOTS.map((root, leaves) => [leaves, root]))("of %d leaves the root is %s", (leaves, root) => {
  const tree = new GrowingTree(hash);
  for (const leaf of leavesOf(leaves)) tree.add(leaf);

  expect([hex(tree.root()), tree.leaves]).toEqual([root, leaves]);
});

describe("every run of every tree up to 20 leaves", () => {
  const cases = Array.from({ length: 20 }, (_, at) => at + 1).map((count) => ({
    count,
    all: leavesOf(count),
  }));
  const runs = (count: number) =>
    Array.from({ length: count }, (_, first) =>
      Array.from({ length: count - first }, (_one, more) => ({
        first,
        end: first + more + 1,
        leaves: count,
      })),
    ).flat();

  test.each(cases)("of $count is proved by its nodes", ({ count, all }) => {
    const levels = levelsUpFrom(all);
    const root = hex(levels.at(-1)?.[0] ?? null);

    const proved = runs(count).map(({ first, end, leaves }) => {
      const proof = proofOf({ first, end, leaves }).map(
        ({ level, index }) => levels[level]?.[index] ?? hash(),
      );
      return hex(rootOfRun(hash, all.slice(first, end), { first, leaves, proof }));
    });

    expect(levels.map(({ length }) => length)).toEqual(levelsOf(count));
    expect(new Set(proved)).toEqual(new Set([root]));
  });

  test("and by no other leaf, place or node", () => {
    const all = Array.from({ length: 11 }, (_, at) => leafHash(hash, Buffer.of(at)));
    const levels = levelsUpFrom(all);
    const root = hex(levels.at(-1)?.[0] ?? null);
    const proof = proofOf({ first: 4, end: 6, leaves: 11 }).map(
      ({ level, index }) => levels[level]?.[index] ?? hash(),
    );
    const run = all.slice(4, 6);
    const [one = hash(), ...others] = proof;

    const roots = [
      rootOfRun(hash, run, { first: 4, leaves: 11, proof }),
      rootOfRun(hash, run.toReversed(), { first: 4, leaves: 11, proof }),
      rootOfRun(hash, all.slice(5, 7), { first: 4, leaves: 11, proof }),
      rootOfRun(hash, run, { first: 6, leaves: 11, proof }),
      rootOfRun(hash, run, { first: 4, leaves: 11, proof: [...others, one] }),
      rootOfRun(hash, run, { first: 4, leaves: 11, proof: others }),
      rootOfRun(hash, run, { first: 4, leaves: 11, proof: [...proof, one] }),
      rootOfRun(hash, [], { first: 4, leaves: 11, proof }),
      rootOfRun(hash, run, { first: 10, leaves: 11, proof: [] }),
    ].map((found) => hex(found) === root);

    expect(roots).toEqual([true, ...Array.from({ length: 8 }, () => false)]);
  });
});

test("a node is no leaf of the same bytes", () => {
  const [left, right] = [leafHash(hash, Buffer.of(1)), leafHash(hash, Buffer.of(2))];

  expect(hex(leafHash(hash, Buffer.concat([left, right])))).not.toBe(hex(nodeHash(hash, left, right)));
});
