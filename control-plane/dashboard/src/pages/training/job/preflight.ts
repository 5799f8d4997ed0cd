/** What the hosts of a job's ranks found before any of them began: each rank against each check. */
import type { Instance } from "./job.ts";

type Finding = NonNullable<Instance["gang"]>["findings"][number];

export interface Preflight {
  /** `clock`, `disk`, or the rank that is to be reached. */
  checks: readonly (string | number)[];
  rows: readonly { rank: number; hostName: string; findings: ReadonlyMap<string | number, Finding> }[];
  passed: number;
  failed: readonly { rank: number; towards: string | number; detail: string }[];
}

/** Null where nothing was looked at: a job of one rank has no preflight. */
export function preflightOf(instances: readonly Instance[]): Preflight | null {
  const ranks = new Map(instances.flatMap(({ gang, rank }) => (gang === null ? [] : [[gang.address, rank]])));
  const nameOf = ({ check, address }: Finding) =>
    address === null ? check : (ranks.get(address) ?? address);
  const rows = instances.flatMap(({ gang, rank, host_name: hostName }) =>
    gang === null || gang.findings.length === 0
      ? []
      : [{ rank, hostName, findings: new Map(gang.findings.map((one) => [nameOf(one), one])) }],
  );
  if (rows.length === 0) return null;
  const checks = [...new Set(rows.flatMap(({ findings }) => [...findings.keys()]))];
  const all = rows.flatMap(({ rank, findings }) =>
    [...findings].map(([towards, finding]) => ({ rank, towards, ...finding })),
  );
  return {
    checks: checks.toSorted(byKind),
    rows,
    passed: all.filter(({ is_passed: isPassed }) => isPassed).length,
    failed: all
      .filter(({ is_passed: isPassed }) => !isPassed)
      .map(({ rank, towards, detail }) => ({ rank, towards, detail })),
  };
}

/** Ranks by their numbers, then what is of the host itself. */
function byKind(one: string | number, other: string | number): number {
  if (typeof one === "number" && typeof other === "number") return one - other;
  if (typeof one === typeof other) return String(one).localeCompare(String(other));
  return typeof one === "number" ? -1 : 1;
}
