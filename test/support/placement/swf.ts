/** Logs in the Standard Workload Format, written by hand for tests. */

export interface SwfRow {
  submit: number;
  run: number;
  /** Field 5, and field 8 where that says something else. */
  processors: number;
  requested?: number;
}

/** Numbers from 1 on, in the order given; what is not told is -1. */
export function swfText(rows: readonly SwfRow[]): string {
  const lines = rows.map(({ submit, run, processors, requested = -1 }, index) => {
    const fields = Array.from({ length: 18 }, () => -1);
    fields.splice(0, 5, index + 1, submit, -1, run, processors);
    fields[7] = requested;
    return fields.join(" ");
  });
  return ["; a log", ...lines, ""].join("\n");
}
