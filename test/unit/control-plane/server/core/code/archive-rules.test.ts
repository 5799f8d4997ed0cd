/** What an archive may hold, entry by entry. */
import { expect, test } from "vitest";
import {
  type ArchiveEntry,
  ArchiveRules,
  MAX_UNPACKED_BYTES,
} from "@remotegpu/control-plane/server/core/code/archive-rules";

const file = (name: string, bytes = 0): ArchiveEntry => ({ name, type: "0", bytes, target: "" });
const folder = (name: string): ArchiveEntry => ({ name, type: "5", bytes: 0, target: "" });

test("folders may come after what is in them, and again, and the top itself is no entry", () => {
  const rules = new ArchiveRules();

  const issues = [folder("./"), file("./d/a", 3), folder("d/"), folder("./d")].map((one) =>
    rules.issueOf(one),
  );

  expect(issues).toEqual([null, null, null, null]);
  expect(rules.reported).toEqual({ entries: 2, bytes: 3 });
});

test("all files together may have a GiB, and not a byte more", () => {
  const rules = new ArchiveRules();

  expect(rules.issueOf(file("a", MAX_UNPACKED_BYTES))).toBeNull();
  expect(rules.issueOf(file("b", 0))).toBeNull();
  expect(rules.issueOf(file("c", 1))).toContain('"c" makes it more than');
});

test("a name is printed as far as it is one, and not as long as somebody likes", () => {
  const issue = new ArchiveRules().issueOf(file(`/\u00ff${"x".repeat(500)}`));

  expect(issue).toMatch(/^"\/\ufffdx{198}…" has an absolute path$/);
});
