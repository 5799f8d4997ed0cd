import { expect, test } from "vitest";
import {
  cookieValues,
  dashboardAddress,
  isOwnPage,
  sessionCookie,
  sessionEnd,
} from "@remotegpu/control-plane/server/core/accounts/session-cookie";

const now = new Date("2026-03-01T00:00:00Z");

test.each([
  [null, "2026-03-01T12:00:00.000Z"],
  ["2026-03-01T12:00:01Z", "2026-03-01T12:00:00.000Z"],
  ["2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000Z"],
  ["2026-03-01T11:59:59Z", "2026-03-01T11:59:59.000Z"],
])("a session of a key that expires at %s ends at %s", (keyEnd, end) => {
  expect(sessionEnd(now, keyEnd === null ? null : new Date(keyEnd)).toISOString()).toBe(end);
});

test("under TLS the cookie is this host's alone", () => {
  expect(sessionCookie("v", { isSecure: true, maxAgeSeconds: 60.9 })).toBe(
    "__Host-remotegpu_session=v; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure",
  );
  expect(sessionCookie("", { isSecure: false, maxAgeSeconds: -1 })).toBe(
    "remotegpu_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict",
  );
});

test("cookies of one name are found among others, each of them", () => {
  expect(cookieValues("a=1; n=x; n=y=z; xn=no;n", "n")).toEqual(["x", "y=z"]);
});

const OURS = ["http://localhost:8080", "https://gpu.example.com"];

test.each([
  ["http://localhost:8080", undefined, true],
  ["https://gpu.example.com", "same-origin", true],
  // A page of another port or scheme is another's.
  ["http://localhost:8081", "same-site", false],
  ["http://gpu.example.com", undefined, false],
  ["https://gpu.example.com.evil.test", undefined, false],
  ["null", "same-origin", false],
  ["", undefined, false],
  [undefined, "same-origin", true],
  [undefined, "same-site", false],
  [undefined, "none", false],
  [undefined, undefined, false],
])("a page with Origin %j and Sec-Fetch-Site %j is one of ours: %j", (origin, fetchSite, isOurs) => {
  expect(isOwnPage({ origin, fetchSite }, OURS)).toBe(isOurs);
});

test.each([
  ["http://127.0.0.1:8080", "http://localhost:8080"],
  ["http://[::1]:8080", "http://localhost:8080"],
  ["https://127.0.0.1", "https://localhost"],
  ["http://127.0.0.10:8080", "http://127.0.0.10:8080"],
  ["https://gpu.example.com/x/127.0.0.1:1", "https://gpu.example.com/x/127.0.0.1:1"],
])("the dashboard of %s is opened at %s", (publicUrl, address) => {
  expect(dashboardAddress(publicUrl)).toBe(address);
});
