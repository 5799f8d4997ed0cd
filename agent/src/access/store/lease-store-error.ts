/** The disk or the file of the access process failed; nothing of the change is written. */
export class LeaseStoreError extends Error {
  override name = "LeaseStoreError";
}
