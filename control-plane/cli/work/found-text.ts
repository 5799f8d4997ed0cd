/**
 * What is found of a gang's rank before it goes, and of the ways to the others while it runs, in the words of its host; and
 * what keeps any instance from going on.
 */
import type { Instance } from "../../client/generated/api.schemas.ts";

/** The sentence on an instance; empty where nothing is being tried. */
export function foundText(row: Instance): string {
  const standstill = standstillText(row);
  if (standstill !== "") return standstill;
  const { gang } = row;
  if (gang == null) return "";
  if (gang.cut_off.length > 0) return `hears nothing from ${gang.cut_off.join(", ")}`;
  const bad = gang.findings.filter(({ is_passed: isPassed }) => !isPassed);
  if (bad.length > 0) return bad.map(({ detail }) => detail).join(" ");
  return gang.findings.length === 0 ? "" : "all well";
}

function standstillText({ frozen_since: frozenSince, idle }: Instance): string {
  if (frozenSince != null) return "is frozen";
  if (idle == null) return "";
  const waits = idle.processes.map(
    ({ name, state, waits_in: waitsIn, count }) =>
      `${count} ${name} (${state}${waitsIn === null ? "" : ` in ${waitsIn}`})`,
  );
  return `does nothing: ${waits.join(", ")}`;
}
