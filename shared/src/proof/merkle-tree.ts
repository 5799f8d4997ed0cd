/**
 * A Merkle tree as RFC 6962, section 2.1 has it: a leaf is hashed behind a byte 0, two nodes behind a byte 1, so that no
 * node is ever taken for a leaf; the last node of an odd level goes up as it is. Pure: whoever uses it brings SHA-256.
 */

/** SHA-256 of these, one after the other. */
export type Hash = (...parts: readonly Uint8Array[]) => Uint8Array;

export const HASH_BYTES = 32;
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

export function leafHash(hash: Hash, data: Uint8Array): Uint8Array {
  return hash(LEAF, data);
}

export function nodeHash(hash: Hash, left: Uint8Array, right: Uint8Array): Uint8Array {
  return hash(NODE, left, right);
}

/** The root of leaves that come one after the other, of which no more is held than a node of each level. */
export class GrowingTree {
  readonly #hash: Hash;
  /** Whole subtrees, of which each has at least twice the leaves of the next. */
  readonly #peaks: { leaves: number; root: Uint8Array }[] = [];
  #leaves = 0;

  constructor(hash: Hash) {
    this.#hash = hash;
  }

  get leaves(): number {
    return this.#leaves;
  }

  /** @param leaf its hash */
  add(leaf: Uint8Array): void {
    let peak = { leaves: 1, root: leaf };
    for (let last = this.#peaks.at(-1); last?.leaves === peak.leaves; last = this.#peaks.at(-1)) {
      this.#peaks.pop();
      peak = { leaves: 2 * peak.leaves, root: nodeHash(this.#hash, last.root, peak.root) };
    }
    this.#peaks.push(peak);
    this.#leaves += 1;
  }

  /** The root of no leaves is the hash of nothing. */
  root(): Uint8Array {
    const [last, ...before] = this.#peaks.toReversed();
    if (last === undefined) return this.#hash();
    return before.reduce((right, { root }) => nodeHash(this.#hash, root, right), last.root);
  }
}

/** A run of leaves `first` to before `end`, in a tree of so many. */
export interface LeafRun {
  first: number;
  end: number;
  leaves: number;
}

/** Where a node is: on level 0 are the leaves. */
export interface NodePlace {
  level: number;
  index: number;
}

/** How many nodes each level has, the leaves first and the root last. */
export function levelsOf(leaves: number): number[] {
  const levels = [leaves];
  for (let nodes = leaves; nodes > 1;) {
    nodes = Math.ceil(nodes / 2);
    levels.push(nodes);
  }
  return levels;
}

/** The nodes by which a run is proved, in the order in which `rootOfRun` takes them: at most two of each level. */
export function proofOf({ first, end, leaves }: LeafRun): NodePlace[] {
  const places: NodePlace[] = [];
  let [low, high] = [first, end];
  for (const [level, nodes] of levelsOf(leaves).entries()) {
    if (nodes === 1) break;
    if (low % 2 === 1) places.push({ level, index: low - 1 });
    if (high % 2 === 1 && high < nodes) places.push({ level, index: high });
    [low, high] = [Math.floor(low / 2), Math.ceil(high / 2)];
  }
  return places;
}

/**
 * The root that these leaves and this proof lead to, which whoever asks compares with the one that they know.
 * @param hashes of the run's leaves
 * @returns null where so many nodes prove no run there
 */
export function rootOfRun(
  hash: Hash,
  hashes: readonly Uint8Array[],
  { first, leaves, proof }: { first: number; leaves: number; proof: readonly Uint8Array[] },
): Uint8Array | null {
  const end = first + hashes.length;
  if (hashes.length === 0 || end > leaves) return null;
  if (proof.length !== proofOf({ first, end, leaves }).length) return null;
  const given = proof[Symbol.iterator]();
  const next = () => given.next().value ?? new Uint8Array();
  let [low, run] = [first, [...hashes]];
  for (const nodes of levelsOf(leaves)) {
    if (nodes === 1) break;
    if (low % 2 === 1) {
      run.unshift(next());
      low -= 1;
    }
    const high = low + run.length;
    if (high % 2 === 1 && high < nodes) run.push(next());
    run = pairs(hash, run);
    low /= 2;
  }
  return run[0] ?? null;
}

/** The next level of these nodes, the last of which may have nothing beside it. */
export function pairs(hash: Hash, nodes: readonly Uint8Array[]): Uint8Array[] {
  const above: Uint8Array[] = [];
  for (let at = 0; at < nodes.length; at += 2) {
    const [left, right] = [nodes[at], nodes[at + 1]];
    if (left === undefined) break;
    above.push(right === undefined ? left : nodeHash(hash, left, right));
  }
  return above;
}
