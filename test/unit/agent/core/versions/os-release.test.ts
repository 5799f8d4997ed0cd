import { expect, test } from "vitest";
import { parseOsRelease } from "@remotegpu/agent/core/versions/os-release";

test.each([
  [
    "Debian",
    'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_ID="13"\nID=debian\nHOME_URL="https://www.debian.org/"\n',
    { id: "debian", release: "13", like: [] },
  ],
  [
    "Ubuntu",
    'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nUBUNTU_CODENAME=noble\n',
    { id: "ubuntu", release: "24.04", like: ["debian"] },
  ],
  [
    "a rebuild of RHEL",
    'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.6"\n',
    { id: "rocky", release: "9.6", like: ["rhel", "centos", "fedora"] },
  ],
  ["one without releases", "ID=arch\nBUILD_ID=rolling\n", { id: "arch", release: "", like: [] }],
  [
    "single quotes and blanks",
    "  ID='alpine'  \nVERSION_ID='3.22.0'\n",
    { id: "alpine", release: "3.22.0", like: [] },
  ],
  ["nothing", "", { id: "linux", release: "", like: [] }],
  ["garbage", "\u0000=\n=x\nID\n", { id: "linux", release: "", like: [] }],
])("reads %s", (_what, text, distribution) => {
  expect(parseOsRelease(text)).toEqual(distribution);
});

test("cuts off what is longer than a report takes", () => {
  const { id, release, like } = parseOsRelease(
    `ID=${"a".repeat(99)}\nVERSION_ID=${"9".repeat(99)}\nID_LIKE="${"b ".repeat(99)}"\n`,
  );

  expect([id.length, release.length, like.length]).toEqual([32, 32, 8]);
});
