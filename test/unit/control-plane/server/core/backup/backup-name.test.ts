/** Names of backups, and which of them retention removes. */
import { expect, test } from "vitest";
import { backupName, expiredBackups } from "@remotegpu/control-plane/server/core/backup/backup-name";

test("a backup is named for the second of its snapshot in UTC", () => {
  expect(backupName(new Date("2026-01-31T23:59:59.999Z"))).toBe("remotegpu-20260131T235959Z");
});

const [FIRST, SECOND, THIRD] = [
  "remotegpu-20251231T000000Z",
  "remotegpu-20260101T000000Z",
  "remotegpu-20260101T000001Z",
];

test.each([
  { keep: 1, removed: [FIRST, SECOND] },
  { keep: 2, removed: [FIRST] },
  { keep: 3, removed: [] },
  { keep: 4, removed: [] },
])("retention of $keep backups removes the oldest of three", ({ keep, removed }) => {
  expect(expiredBackups([THIRD, FIRST, SECOND], keep)).toEqual(removed);
});

test("retention removes nothing that is not named as a backup, and does not count it", () => {
  const names = ["remotegpu-notes", "lost+found", `${FIRST}.partial`, FIRST, SECOND];

  expect(expiredBackups(names, 1)).toEqual([FIRST]);
});
