/** A browser in which it is one moment for good, so that a page looks the same whenever it is opened. */
import type { Page } from "puppeteer-core";

/** Before any page is opened in it: its clock stands, and nobody tells it the time of the day on which this runs. */
export async function freeze(page: Page, at: Date): Promise<void> {
  await page.evaluateOnNewDocument(`(${STANDS_STILL})(${at.getTime()})`);
  await page.emulateMediaFeatures([{ name: "prefers-reduced-motion", value: "reduce" }]);
  await page.emulateTimezone("UTC");
}

const STANDS_STILL = `(atMs) => {
  const real = Date;
  globalThis.Date = class extends real {
    constructor(...told) {
      told.length === 0 ? super(atMs) : super(...told);
    }
    static now() {
      return atMs;
    }
  };
  const get = Headers.prototype.get;
  Headers.prototype.get = function (name) {
    return name.toLowerCase() === "date" ? null : get.call(this, name);
  };
}`;
