/**
 * What is found of a gang's rank before it goes, and of the ways to the others while it runs, in the words of its host; and
 * what keeps any instance from going on.
 */
import { z } from "zod";
import type { Row } from "../framework/api-client.ts";

const GangRank = z
  .looseObject({
    findings: z.array(z.looseObject({ is_passed: z.boolean(), detail: z.string() })),
    cut_off: z.array(z.string()),
  })
  .nullish();

const Standstill = z.looseObject({
  frozen_since: z.string().nullish(),
  idle: z
    .looseObject({
      processes: z.array(
        z.looseObject({
          name: z.string(),
          state: z.string(),
          waits_in: z.string().nullable(),
          count: z.number(),
        }),
      ),
    })
    .nullish(),
});

/** The sentence on an instance; empty where nothing is being tried. */
export function foundText(row: Row): string {
  const standstill = standstillText(row);
  if (standstill !== "") return standstill;
  const gang = GangRank.parse(row.gang);
  if (gang == null) return "";
  if (gang.cut_off.length > 0) return `hears nothing from ${gang.cut_off.join(", ")}`;
  const bad = gang.findings.filter(({ is_passed: isPassed }) => !isPassed);
  if (bad.length > 0) return bad.map(({ detail }) => detail).join(" ");
  return gang.findings.length === 0 ? "" : "all well";
}

function standstillText(row: Row): string {
  const { frozen_since: frozenSince, idle } = Standstill.parse(row);
  if (frozenSince != null) return "is frozen";
  if (idle == null) return "";
  const waits = idle.processes.map(
    ({ name, state, waits_in: waitsIn, count }) =>
      `${count} ${name} (${state}${waitsIn === null ? "" : ` in ${waitsIn}`})`,
  );
  return `does nothing: ${waits.join(", ")}`;
}
