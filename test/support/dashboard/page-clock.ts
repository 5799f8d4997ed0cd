/** A browser whose clock is off, as those of people are. */

/** For `evaluateOnNewDocument`: all that the page learns of the browser's clock is so far from the truth. */
export function clockOff(ms: number): string {
  return `{
    const real = Date;
    globalThis.Date = class extends real {
      constructor(...told) { told.length === 0 ? super(real.now() + ${ms}) : super(...told); }
      static now() { return real.now() + ${ms}; }
    };
  }`;
}
