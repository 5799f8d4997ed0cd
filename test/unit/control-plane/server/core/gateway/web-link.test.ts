import { expect, test } from "vitest";
import { linkUrl, ticketOf } from "@remotegpu/control-plane/server/core/gateway/web-link";

const TOKEN = "t".repeat(43);

test.each([
  [`/.remotegpu/enter?ticket=${TOKEN}`, TOKEN],
  ["/.remotegpu/enter", ""],
  ["/.remotegpu/enter?ticket=", ""],
  [`/.remotegpu/enter?ticket=${TOKEN}x`, ""],
  [`/.remotegpu/enter?ticket=${TOKEN}&next=//evil.example`, ""],
  [`/.remotegpu/enter/?ticket=${TOKEN}`, null],
  [`/?ticket=${TOKEN}`, null],
])("%s carries %j", (url, ticket) => {
  expect(ticketOf(url)).toBe(ticket);
});

test("what a link is made of is read back", () => {
  const origin = "https://8000-env-1.web.example.com";

  expect(ticketOf(linkUrl(origin, TOKEN).slice(origin.length))).toBe(TOKEN);
});
