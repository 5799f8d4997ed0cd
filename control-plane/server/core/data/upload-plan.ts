/**
 * What an upload of a dataset or model is: the rest of one that broke off, a new version, the version that is mounted now
 * in one more pool, or nothing, where all of it is there. A version is known by the list of its files.
 */

export const COPY_STATUSES = ["uploading", "ready", "error"] as const;
type CopyStatus = (typeof COPY_STATUSES)[number];

/** A version in a storage pool. */
export interface Copy {
  id: number;
  version: number;
  storagePool: string;
  /** Below the pool's root; the same in every pool. */
  folder: string;
  status: CopyStatus;
  /** Hex SHA-256 of the list of its files. */
  manifest: string;
}

export interface UploadRequest {
  manifest: string;
  pool: string;
}

export type UploadPlan =
  | { kind: "there"; copyId: number }
  /** Whatever that one was to bring: what is there of the same bytes is not sent again. */
  | { kind: "go-on"; copyId: number }
  /** `folder` is of the version that exists; null for a new one. `dropped` is given up for it. */
  | { kind: "new"; version: number; folder: string | null; droppedId: number | null };

/** Of which at most one is not ready. @param mounted the folder that is mounted, as the entry says */
export function planUpload(
  { copies, mounted }: { copies: readonly Copy[]; mounted: string },
  { manifest, pool }: UploadRequest,
): UploadPlan {
  const current = copies.find((copy) => isMounted(copy, mounted));
  const open = copies.find(({ status }) => status !== "ready");
  const isSame = current !== undefined && current.manifest === manifest;
  if (isSame) {
    const there = copies.find(
      (copy) => copy.status === "ready" && copy.version === current.version && copy.storagePool === pool,
    );
    if (there !== undefined) return { kind: "there", copyId: there.id };
  }
  const last = copies.reduce((most, { version }) => Math.max(most, version), 0);
  const goesOn =
    open !== undefined &&
    open.storagePool === pool &&
    (isSame
      ? open.version === current.version
      : !copies.some((copy) => copy !== open && copy.version === open.version));
  if (goesOn) return { kind: "go-on", copyId: open.id };
  return {
    kind: "new",
    version: isSame ? current.version : last + 1,
    folder: isSame ? current.folder : null,
    droppedId: open?.id ?? null,
  };
}

export function isMounted({ status, folder }: Pick<Copy, "status" | "folder">, mounted: string): boolean {
  return status === "ready" && mountedFolder(folder) === mounted;
}

/** The part of a version's folder that containers see. */
export function mountedFolder(folder: string): string {
  return `${folder}/files`;
}

/** Each has one of its own for ever, so that the removal of one never meets another. */
export function versionFolder({
  customerUuid,
  plural,
  id,
  version,
  unique,
}: {
  customerUuid: string;
  plural: string;
  id: number;
  version: number;
  unique: string;
}): string {
  return `${customerUuid}/${plural}/${id}-v${version}-${unique}`;
}

/** Where it goes when nobody says: null where that has to be said. @param last where something went last, the latest first */
export function poolByDefault(pools: readonly string[], last: readonly string[]): string | null {
  const [only] = pools;
  if (only !== undefined && pools.length === 1) return only;
  return last.find((pool) => pools.includes(pool)) ?? null;
}
