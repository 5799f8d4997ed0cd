/**
 * The server's time, since ages are differences against its timestamps and a browser's clock may be hours off. It is read
 * from the answers' Date header, to the second.
 */
let offsetMs = 0;

export function heardDate(header: string | null): void {
  const at = header === null ? Number.NaN : Date.parse(header);
  if (Number.isNaN(at)) return;
  // The header is cut to the second: within that nothing was learned.
  const heardMs = at + 500 - Date.now();
  if (Math.abs(heardMs - offsetMs) > 1_000) offsetMs = heardMs;
}

/** Milliseconds since 1970, as the server counts them. */
export function serverNow(): number {
  return serverTimeOf(Date.now());
}

/** When that was, as the server counts. @param browserMs by this browser's clock */
export function serverTimeOf(browserMs: number): number {
  return browserMs + offsetMs;
}
