/** What a browser calls itself, as the page of keys says it. */
import { expect, test } from "vitest";
import { browserName } from "@remotegpu/dashboard/pages/keys/browser-name";

const WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)";
const WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)";
const IPHONE =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";

test.each([
  ["Firefox 140, Linux", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"],
  ["Chrome 141, Windows", `${WINDOWS} ${WEBKIT} Chrome/141.0.0.0 Safari/537.36`],
  ["Chrome 141, Linux", `Mozilla/5.0 (X11; Linux x86_64) ${WEBKIT} HeadlessChrome/141.0.0.0 Safari/537.36`],
  [
    "Chrome 141, Android",
    `Mozilla/5.0 (Linux; Android 10; K) ${WEBKIT} Chrome/141.0.0.0 Mobile Safari/537.36`,
  ],
  ["Edge 141, Windows", `${WINDOWS} ${WEBKIT} Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0`],
  ["Opera 122, Windows", `${WINDOWS} ${WEBKIT} Chrome/138.0.0.0 Safari/537.36 OPR/122.0.0.0`],
  [
    "Safari 18, macOS",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
  ],
  ["Safari 18, iOS", `${IPHONE} Version/18.5 Mobile/15E148 Safari/604.1`],
  ["Chrome 141, iOS", `${IPHONE} CriOS/141.0.7390.41 Mobile/15E148 Safari/604.1`],
  ["Linux", "SomethingElse (Linux)"],
  ["curl/8.14.1", "curl/8.14.1"],
  ["<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"],
  ["", ""],
])("%s", (expected, userAgent) => {
  expect(browserName(userAgent)).toBe(expected);
});
