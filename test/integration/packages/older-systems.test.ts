/**
 * What can be checked of Ubuntu 22.04 and 24.04 without one: the units as systemd 249 reads them, and names of packages. The
 * libraries of C and C++ are in packages.test.ts.
 */
import { globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { agentPackage } from "../../../control-plane/install/packages/agent-package.ts";
import { commandPackage } from "../../../control-plane/install/packages/command-package.ts";
import { controlPlanePackage } from "../../../control-plane/install/packages/control-plane-package.ts";

const root = new URL("../../../", import.meta.url).pathname;
const UNITS = globSync("{agent,control-plane}/systemd/*.{service,timer}", { cwd: root });
/** Of Ubuntu 22.04; Debian 12 has 252, Ubuntu 24.04 has 255. */
const OLDEST_SYSTEMD = 249;
const RELEASE = { release: "9.1.0", version: "9.1.0+20260301120000.1a2b3c4d5e", epochSeconds: 1_770_000_000 };

/** Directive → the version of systemd that added it. */
const ADDED = new Map(
  (await readFile(join(root, "test/fixtures/systemd/directives.txt"), "utf8"))
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [name = "", version] = line.split(" ");
      return [name, Number(version)] as const;
    }),
);

/** Values that a directive took at 249, where later versions take more. */
const VALUES: ReadonlyMap<string, RegExp> = new Map([
  ["Type", /^(simple|exec|forking|oneshot|dbus|notify|idle)$/],
  ["Restart", /^(no|always|on-success|on-failure|on-abnormal|on-abort|on-watchdog)$/],
  ["KillMode", /^(control-group|mixed|process|none)$/],
  ["ProtectSystem", /^(yes|no|full|strict)$/],
  ["ProtectHome", /^(yes|no|read-only|tmpfs)$/],
  ["ProtectProc", /^(noaccess|invisible|ptraceable|default)$/],
  ["ProtectControlGroups", /^(yes|no)$/],
  ["ProtectHostname", /^(yes|no)$/],
  ["PrivateTmp", /^(yes|no)$/],
  ["PrivateUsers", /^(yes|no)$/],
  ["MemoryDenyWriteExecute", /^(yes|no)$/],
  [
    "SystemCallFilter",
    /^~?(@(clock|cpu-emulation|debug|module|mount|obsolete|privileged|raw-io|reboot|resources|swap|system-service) ?)+$/,
  ],
]);

async function settingsOf(unit: string): Promise<{ name: string; value: string }[]> {
  const text = await readFile(join(root, unit), "utf8");
  return [...text.matchAll(/^([A-Z]\w*)=(.*)$/gm)].map(([, name = "", value = ""]) => ({ name, value }));
}

describe.each(UNITS)("%s", (unit) => {
  test("has no directive that systemd 249 does not know", async () => {
    const names = (await settingsOf(unit)).map(({ name }) => name);

    expect(names).toContain("Description");
    expect(names.filter((name) => !((ADDED.get(name) ?? Infinity) <= OLDEST_SYSTEMD))).toEqual([]);
  });

  test("gives directives no value that came after systemd 249", async () => {
    const settings = await settingsOf(unit);

    expect(settings.filter(({ name, value }) => VALUES.get(name)?.test(value) === false)).toEqual([]);
  });
});

test("the list of directives knows those of later versions, too", () => {
  expect(UNITS.length).toBeGreaterThanOrEqual(7);
  expect(ADDED.size).toBeGreaterThan(300);
  for (const name of ["RestartMode", "ExitType", "OpenFile", "ReloadSignal", "PrivatePIDs"])
    expect(ADDED.get(name)).toBeGreaterThan(OLDEST_SYSTEMD);
});

/** By packages.ubuntu.com in jammy and noble, and by packages.debian.org in bookworm and trixie, under the same names. */
const IN_ALL_FOUR =
  "apparmor ca-certificates curl docker.io iproute2 iptables libc6 libgcc-s1 libstdc++6 openssh-client passwd podman util-linux".split(
    " ",
  );
/** Jammy has none: its recommendation is passed over there, and the page says so. */
const NOT_IN_JAMMY = "nats-server";
/** Docker's own repository has the one, these packages are the other. */
const NOT_OF_THE_SYSTEM = ["docker-ce", "remotegpu"];

describe("the packages, on Debian 12 and 13, Ubuntu 22.04 and 24.04", () => {
  const made = [
    commandPackage,
    agentPackage(RELEASE),
    controlPlanePackage(RELEASE, { folder: "/", handedOut: [] }),
  ];
  const alternatives = (fields: readonly string[]) =>
    fields.flatMap((one) => one.split("|")).map((one) => one.trim());
  const names = (fields: readonly string[]) => alternatives(fields).map((one) => one.replace(/ .*/, ""));

  test("depend on names that all four have", () => {
    const depends = names(made.flatMap((one) => one.depends));

    expect(depends).toContain("docker.io");
    expect(depends.filter((name) => ![...IN_ALL_FOUR, ...NOT_OF_THE_SYSTEM].includes(name))).toEqual([]);
  });

  test("recommend names that all four have, but for a NATS server", () => {
    const recommends = names(made.flatMap((one) => one.recommends));

    expect(recommends).toContain(NOT_IN_JAMMY);
    expect(recommends.filter((name) => ![...IN_ALL_FOUR, NOT_IN_JAMMY].includes(name))).toEqual([]);
  });

  test("require no version of the system's packages but the C library's, which all four have", () => {
    const versioned = alternatives(made.flatMap((one) => one.depends)).filter((one) => one.includes("("));

    expect(new Set(versioned)).toEqual(new Set([`remotegpu (= ${RELEASE.version})`, "libc6 (>= 2.28)"]));
  });
});
