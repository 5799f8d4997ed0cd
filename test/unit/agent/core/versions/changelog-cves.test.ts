import { expect, test } from "vitest";
import { MAX_MENTIONED_CVES } from "@remotegpu/shared/messages/host-versions";
import { mentionedCves } from "@remotegpu/agent/core/versions/changelog-cves";

/** As Debian's security team wrote the entry of 1.1.15+ds1-2+deb13u1, in our words. */
const DEBIAN_RUNC = `runc (1.1.15+ds1-2+deb13u1) trixie-security; urgency=high

  * Verify what is mounted over masked paths
    (CVE-2025-31133).
  * Mount the console by its descriptor (CVE-2025-52565).
  * Keep to descriptors of /dev (CVE-2026-41579).

runc (1.1.15+ds1-1) unstable; urgency=medium

  * New upstream version, with CVE-2024-45310; see also cve-2025-31133
`;

test("are all that it mentions, each once, the latest entry's first", () => {
  expect(mentionedCves(DEBIAN_RUNC)).toEqual([
    "CVE-2025-31133",
    "CVE-2025-52565",
    "CVE-2026-41579",
    "CVE-2024-45310",
  ]);
});

test("are no others that resemble some", () => {
  expect(mentionedCves("CVE-2025-1 CVE-25-31133 XCVE-2025-31133 CVE-2025-313331337 CVE-2025-")).toEqual([]);
});

test("are the first ones of many", () => {
  const many = Array.from({ length: 500 }, (_, nth) => `CVE-2025-${10_000 + nth}`);

  expect(mentionedCves(many.join(" "))).toEqual(many.slice(0, MAX_MENTIONED_CVES));
});
