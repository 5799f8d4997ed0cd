/** Paired measurements of us against something bare, told as lines of milliseconds, MiB or the like and of their ratio. */

export interface Pair {
  ours: number;
  bare: number;
}

interface Spread {
  min: number;
  median: number;
  max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const [min] = sorted;
  const max = sorted.at(-1);
  if (min === undefined || max === undefined) throw new Error("nothing was measured");
  const upper = sorted[Math.floor(sorted.length / 2)] ?? max;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? min;
  return { min, median: (lower + upper) / 2, max };
}

/** Each pair was measured in the same moments, so its own ratio says more than the ratio of two medians. */
function ratiosOf(pairs: readonly Pair[]): number[] {
  return pairs.map(({ ours, bare }) => ours / bare);
}

export function valuesLine(what: string, values: readonly number[], unit: keyof typeof DIGITS): string {
  return line(what, spreadOf(values), (value) => `${value.toFixed(digitsOf(value, unit))} ${unit}`);
}

export function ratioLine(what: string, pairs: readonly Pair[]): string {
  return line(what, spreadOf(ratiosOf(pairs)), (value) => `${value.toFixed(2)} x`);
}

const DIGITS = { ms: 0, µs: 0, s: 1, MiB: 0, "%": 2, "/s": 0 };
/** A figure of one digit says too little. */
function digitsOf(value: number, unit: keyof typeof DIGITS): number {
  return value < 10 ? Math.max(1, DIGITS[unit]) : DIGITS[unit];
}

const WHAT_WIDTH = 62;
const VALUE_WIDTH = 10;

export function headLine(title: string): string {
  return (
    title.padEnd(WHAT_WIDTH) + ["min", "median", "max"].map((word) => word.padStart(VALUE_WIDTH)).join("")
  );
}

function line(what: string, { min, median, max }: Spread, show: (value: number) => string): string {
  const values = [min, median, max].map((value) => show(value).padStart(VALUE_WIDTH));
  return `  ${what}`.padEnd(WHAT_WIDTH) + values.join("");
}
