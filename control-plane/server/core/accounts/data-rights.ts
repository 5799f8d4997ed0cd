/**
 * Who may read (and so mount) a dataset or a model, and who may change its entry. The same rule for both kinds,
 * asked when a workload is ordered and again at each placement, because rights can be taken away in between.
 */

export const VISIBILITIES = ["private", "workspace", "public"] as const;
export type Visibility = (typeof VISIBILITIES)[number];

/** Only what is ready can be mounted. */
export const DATA_STATUSES = ["uploading", "ready", "error"] as const;
export type DataStatus = (typeof DATA_STATUSES)[number];

/** The entry's owner and reach. */
export interface SharedData {
  customerId: number;
  workspaceId: number | null;
  visibility: Visibility;
}

export interface DataReader {
  customerId: number;
  isAdmin: boolean;
  /** Every workspace in which the reader has an active role of any kind. */
  workspaceIds: readonly number[];
}

/** Own, of a workspace one belongs to with visibility "workspace", or public. */
export function mayReadData(reader: DataReader, data: SharedData): boolean {
  if (reader.isAdmin || data.customerId === reader.customerId) return true;
  switch (data.visibility) {
    case "public":
      return true;
    case "workspace":
      return data.workspaceId !== null && reader.workspaceIds.includes(data.workspaceId);
    case "private":
      return false;
  }
}

/**
 * A workload mounts with the rights of who ordered it, and only what belongs in its workspace: what is shared
 * with another workspace of the same person does not leak into this one unless it is the person's own.
 */
export function mayMountData(
  reader: DataReader & { workloadWorkspaceId: number | null },
  data: SharedData,
): boolean {
  if (data.visibility === "workspace" && !reader.isAdmin && data.customerId !== reader.customerId)
    return data.workspaceId === reader.workloadWorkspaceId && mayReadData(reader, data);
  return mayReadData(reader, data);
}

/** Only the owner and administrators change or delete an entry. */
export function mayChangeData(reader: DataReader, data: SharedData): boolean {
  return reader.isAdmin || data.customerId === reader.customerId;
}
