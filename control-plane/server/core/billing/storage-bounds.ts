/**
 * How much of a host's sample of a storage pool is believed. Of each owner no more can lie there than what was ordered,
 * announced or allowed for what was put there; of all owners together no more than the pool's disk holds. What is claimed
 * beyond is set aside, and the rest is charged: a byte too many makes nothing free, and a lie costs nobody more than
 * that. A claim of an owner who has nothing in the pool is set aside whole.
 */
import { GIB, MIB } from "@remotegpu/shared/values/units";

/** What the control plane itself knows of an owner's folders in one pool. */
export interface OwnerContents {
  /** The storage that environments ordered. */
  readonly orderedBytes: bigint;
  readonly environmentsWithoutOrder: number;
  /** Training jobs that ever ran in the pool. */
  readonly jobs: number;
  /** Whether an administrator named a folder of the owner's in the pool. */
  readonly hasAdministeredFolder: boolean;
  /** Of copies that are being brought, the most that their owners ever said. */
  readonly announcedBytes: bigint;
  readonly openCopies: number;
  readonly announcedFiles: number;
}

/** In GB of 2^30 bytes, as settings have them; the disk in bytes. */
export interface StorageAllowances {
  readonly environmentGb: bigint;
  readonly jobGb: bigint;
  /** Of the pool, by an administrator's word or else by a setting. */
  readonly diskBytes: bigint;
}

/** Samples count blocks on the disk: of each announced file the last one is rarely full, and folders have some. */
const BLOCKS_PER_FILE = 8_192n;
/** Of a copy: its list of files, and what of it was received last. */
const BLOCKS_PER_COPY = BigInt(64 * MIB);

/**
 * What is measured every minute may be filled beyond its order by then, at a gigabyte a second: so much beyond is set aside
 * as well, but raises no alarm, since it is no lie.
 */
const UNMEASURED_BYTES = 64n * BigInt(GIB);

/** Whether a claim goes so far beyond what can lie there that its host is to be looked at. */
export function isDisbelieved({ excessBytes }: Pick<BoundedSample, "excessBytes">): boolean {
  return excessBytes > UNMEASURED_BYTES;
}

/** Bytes that can lie there of one owner, at most. */
export function ownerBound(
  contents: OwnerContents,
  { environmentGb, jobGb, diskBytes }: StorageAllowances,
): bigint {
  if (contents.hasAdministeredFolder) return diskBytes;
  const allowedGb = BigInt(contents.environmentsWithoutOrder) * environmentGb + BigInt(contents.jobs) * jobGb;
  const bound =
    (contents.orderedBytes > 0n ? contents.orderedBytes : 0n) +
    allowedGb * BigInt(GIB) +
    contents.announcedBytes +
    BigInt(contents.announcedFiles) * BLOCKS_PER_FILE +
    BigInt(contents.openCopies) * BLOCKS_PER_COPY;
  return bound < diskBytes ? bound : diskBytes;
}

export interface Claim {
  readonly workspaceId: number;
  /** Null: it could not be measured. */
  readonly bytes: bigint | null;
}

interface BoundedSample {
  readonly workspaceId: number;
  /** What is charged. */
  readonly bytes: bigint | null;
  /** What is set aside. */
  readonly excessBytes: bigint;
}

export interface BoundedClaims {
  /** Of owners that have something there; one with nothing at all is left out. */
  readonly samples: readonly BoundedSample[];
  /** Claims of owners with nothing in the pool, in their order. */
  readonly strangers: readonly Claim[];
}

/**
 * Of several claims of one owner the first counts.
 * @param takenBytes what was charged of the same hour and pool before
 */
export function boundClaims(
  claims: readonly Claim[],
  {
    contents,
    allowances,
    takenBytes,
  }: { contents: ReadonlyMap<number, OwnerContents>; allowances: StorageAllowances; takenBytes: bigint },
): BoundedClaims {
  const samples: BoundedSample[] = [];
  const strangers: Claim[] = [];
  const seen = new Set<number>();
  let roomBytes = allowances.diskBytes - takenBytes;
  for (const claim of claims) {
    if (seen.has(claim.workspaceId)) continue;
    seen.add(claim.workspaceId);
    const { workspaceId, bytes } = claim;
    const owned = contents.get(workspaceId);
    if (owned === undefined) {
      if (bytes !== null && bytes > 0n) strangers.push(claim);
      continue;
    }
    if (bytes === 0n) continue;
    if (bytes === null) {
      samples.push({ workspaceId, bytes, excessBytes: 0n });
      continue;
    }
    const charged = least(bytes, ownerBound(owned, allowances), roomBytes > 0n ? roomBytes : 0n);
    roomBytes -= charged;
    samples.push({ workspaceId, bytes: charged, excessBytes: bytes - charged });
  }
  return { samples, strangers };
}

function least(...values: readonly [bigint, ...bigint[]]): bigint {
  return values.reduce((one, other) => (other < one ? other : one));
}
