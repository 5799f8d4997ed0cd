/** How long the money lasts, in whole days and hours. */
const HOURS_PER_DAY = 24;

/** Null while nothing runs, so that it lasts. @param hours as the API says it, rounded down */
export function runwayOf(hours: string | null): { days: number; hours: number } | null {
  if (hours === null) return null;
  const whole = Math.max(0, Math.floor(Number(hours)));
  return { days: Math.floor(whole / HOURS_PER_DAY), hours: whole % HOURS_PER_DAY };
}
