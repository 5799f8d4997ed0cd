/**
 * What of a change the audit log shows: the fields that differ, with their values where these may be read by whoever
 * reads the log, and "changed" for all others. A column that nobody has listed is shown as "changed", so a secret that
 * comes later is not written down by oversight. Everything is bounded.
 */

type AuditValue = string | number | boolean | null | object;
export type AuditFields = Record<string, AuditValue>;

export interface AuditDifference {
  before: AuditFields | null;
  after: AuditFields | null;
}

/** In place of a value that is nobody's to read. */
const HIDDEN = "changed";
const MAX_FIELDS = 40;
const MAX_CHARACTERS = 200;

/** @param shown the fields whose values may be read; @param ignored the fields that tell nothing of a change */
export function auditDifference(
  before: AuditFields | null,
  after: AuditFields | null,
  { visible, ignored }: { visible: ReadonlySet<string>; ignored: ReadonlySet<string> },
): AuditDifference {
  const differing = Object.keys({ ...before, ...after })
    .filter((field) => !ignored.has(field) && isDifferent(before?.[field], after?.[field]))
    .slice(0, MAX_FIELDS);
  return {
    before: fieldsOf(
      before,
      differing.filter((field) => visible.has(field)),
    ),
    after: fieldsOf(after, differing, visible),
  };
}

/** Nothing and null are alike: a column that is empty in a new row is no change. */
function isDifferent(old: AuditValue | undefined, anew: AuditValue | undefined): boolean {
  return JSON.stringify(old ?? null) !== JSON.stringify(anew ?? null);
}

/** Null where there is no row, or nothing of it differs. */
function fieldsOf(
  row: AuditFields | null,
  fields: readonly string[],
  visible: ReadonlySet<string> = new Set(fields),
): AuditFields | null {
  if (row === null || fields.length === 0) return null;
  return Object.fromEntries(
    fields.map((field) => [field, visible.has(field) ? bounded(row[field] ?? null) : HIDDEN]),
  );
}

function bounded(value: AuditValue): AuditValue {
  if (typeof value !== "string" && typeof value !== "object") return value;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (value === null || text.length <= MAX_CHARACTERS) return value;
  // By code points: half of a surrogate pair is nothing that the database takes.
  return `${Array.from(text).slice(0, MAX_CHARACTERS).join("")}…`;
}
