/** Whether the hosts of a restored database have said what they know, so that work and charging may go on. */

/** What agents write in a few minutes while all is well: so few rows wait at any moment. */
const MAX_PENDING_ROWS = 100;

export interface HostProgress {
  readonly hostId: string;
  /** Since the restore, by a heartbeat. */
  readonly isHeard: boolean;
  /** Its observed state was merged since. */
  readonly hasReported: boolean;
  /** Rows of its journal that it has and the database has not; null where it was not heard. */
  readonly pendingRows: number | null;
}

export type HostLack = "not heard" | "not reported" | "usage pending";

/** Null where nothing is missing of the host. */
export function lackOf({ isHeard, hasReported, pendingRows }: HostProgress): HostLack | null {
  if (!isHeard || pendingRows === null) return "not heard";
  if (!hasReported) return "not reported";
  return pendingRows > MAX_PENDING_ROWS ? "usage pending" : null;
}
