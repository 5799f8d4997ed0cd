/** A stretch of time in its two largest units, as "3 d 4 h", in the reader's language. */
const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
] as const;

export function durationText(seconds: number, language: string): string {
  const whole = Math.max(0, Math.floor(seconds));
  const first = UNITS.findIndex(([, size]) => whole >= size);
  const visible = first === -1 ? UNITS.slice(-1) : UNITS.slice(first, first + 2);
  let rest = whole;
  const parts = visible.map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return {
      count,
      text: new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short" }).format(count),
    };
  });
  return parts
    .filter(({ count }, index) => count > 0 || index === 0)
    .map(({ text }) => text)
    .join(" ");
}
