import { describe, expect, test } from "vitest";
import {
  headersAtSharedOrigin,
  isBelowServices,
  SANDBOX,
} from "@remotegpu/control-plane/server/core/gateway/services/shared-origin";

const at = (reported: Record<string, string | string[]>, byBrowser = true) =>
  headersAtSharedOrigin(reported, { byBrowser });
const CSP = "content-security-policy";

test("the sandbox gives no page the origin that services share", () => {
  expect(SANDBOX).toMatch(/^sandbox /);
  expect(SANDBOX).not.toContain("allow-same-origin");
});

test.each([
  ["/services", true],
  ["/services/", true],
  ["/services/svc-1/a.svg", true],
  ["/services?x", true],
  ["/servicesque", false],
  ["/Services/x", false],
  ["/terminal/services/x", false],
])("%s lies below services: %s", (path, isBelow) => {
  expect(isBelowServices(path)).toBe(isBelow);
});

describe("an answer there", () => {
  test("has the sandbox, before whatever policies the replica has of its own", () => {
    expect(at({})[CSP]).toBe(SANDBOX);
    expect(at({ [CSP]: "default-src 'self'" })[CSP]).toEqual([SANDBOX, "default-src 'self'"]);
    expect(at({ [CSP]: ["sandbox allow-same-origin", "x"] })[CSP]).toEqual([
      SANDBOX,
      "sandbox allow-same-origin",
      "x",
    ]);
  });

  test("loses a policy with bytes for which a browser might drop the header", () => {
    expect(at({ [CSP]: ["script-src \u00e9", "default-src 'self'"] })[CSP]).toEqual([
      SANDBOX,
      "default-src 'self'",
    ]);
  });

  test.each(["set-cookie", "clear-site-data", "service-worker-allowed", "www-authenticate"])(
    "passes no %s on",
    (name) => {
      expect(at({ [name]: "x", etag: "y" })).toEqual({ etag: "y", [CSP]: SANDBOX });
    },
  );

  test("is no stream of parts to a browser, which would take cookies from them", () => {
    const type = "multipart/x-mixed-replace; boundary=b";

    expect(at({ "content-type": type })["content-type"]).toBe("application/octet-stream");
    expect(at({ "content-type": type }, false)["content-type"]).toBe(type);
  });
});
