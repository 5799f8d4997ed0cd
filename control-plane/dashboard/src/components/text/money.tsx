/** Points, exactly as the API says them: text with four places, never through a float. Null needs the scope money. */
import { NotReported } from "./not-reported.tsx";

export function Money({ points }: { points: string | null | undefined }) {
  if (points === null || points === undefined) return <NotReported />;
  return (
    <span style={{ fontVariantNumeric: "tabular-nums", whiteSpace: "nowrap" }}>{pointsText(points)}</span>
  );
}

/** "1234567.8900" → "1,234,567.89": zeros beyond two places say nothing. */
export function pointsText(points: string): string {
  const [, sign = "", whole = "", places = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(points) ?? [];
  if (whole === "") return points;
  const grouped = whole.replaceAll(/\B(?=(\d{3})+$)/g, ",");
  return `${sign}${grouped}.${places.slice(0, 2).padEnd(2, "0")}${places.slice(2).replace(/0+$/, "")}`;
}
