/** What is found of a gang's rank before it goes, and of the ways to the others while it runs, in the words of its host. */
import { z } from "zod";
import type { Row } from "../frame/api-client.ts";

const GangRank = z
  .looseObject({
    findings: z.array(z.looseObject({ is_passed: z.boolean(), detail: z.string() })),
    cut_off: z.array(z.string()),
  })
  .nullish();

/** Of an instance; empty where nothing is being looked at. */
export function foundText(row: Row): string {
  const gang = GangRank.parse(row.gang);
  if (gang == null) return "";
  if (gang.cut_off.length > 0) return `hears nothing from ${gang.cut_off.join(", ")}`;
  const bad = gang.findings.filter(({ is_passed: isPassed }) => !isPassed);
  if (bad.length > 0) return bad.map(({ detail }) => detail).join(" ");
  return gang.findings.length === 0 ? "" : "all well";
}
