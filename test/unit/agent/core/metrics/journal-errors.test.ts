/** Under which kind a failed write of the journal is counted. */
import { journalErrorKind } from "@remotegpu/agent/core/metrics/journal-errors";
import { expect, test } from "vitest";

test.each([
  ["SQLITE_FULL", "disk-full"],
  ["SQLITE_IOERR_SHMSIZE", "disk-full"],
  ["SQLITE_IOERR", "io"],
  ["SQLITE_IOERR_WRITE", "io"],
  ["SQLITE_BUSY", "other"],
])("%s is counted as %s", (code, kind) => {
  expect(journalErrorKind(code)).toBe(kind);
});
