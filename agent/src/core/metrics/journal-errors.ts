/** The kinds of failures of the journal that are counted. */
export const JOURNAL_ERROR_KINDS = [
  /** No room for a write. Where the reserve was enough for it, the write was made all the same. */
  "disk-full",
  /** The disk failed. */
  "io",
  /** A usage row whose bytes changed by themselves. */
  "damaged-row",
  /** A run, an order or an open interval of which the same is true. */
  "damaged-entry",
  /** The file was unreadable; it was set aside and a new one begun. */
  "replaced",
  "other",
] as const;
export type JournalErrorKind = (typeof JOURNAL_ERROR_KINDS)[number];

/** @param code as SQLite names it: "SQLITE_FULL", "SQLITE_IOERR_WRITE" */
export function journalErrorKind(code: string): JournalErrorKind {
  if (code === "SQLITE_FULL" || code === "SQLITE_IOERR_SHMSIZE") return "disk-full";
  return code.startsWith("SQLITE_IOERR") ? "io" : "other";
}
