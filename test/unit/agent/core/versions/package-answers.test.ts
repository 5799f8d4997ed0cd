import { describe, expect, test } from "vitest";
import {
  parseDpkgOwners,
  parseDpkgPackages,
  parseRpmPackage,
} from "@remotegpu/agent/core/versions/package-answers";

describe("dpkg-query -S", () => {
  test("names the package of each path, by its architecture where dpkg does", () => {
    const owners = parseDpkgOwners(
      "runc: /usr/sbin/runc\ndocker-ce: /usr/bin/dockerd\nlibc6:amd64: /lib/x86_64-linux-gnu/libc.so.6\n",
    );

    expect(Object.fromEntries(owners)).toEqual({
      "/usr/sbin/runc": "runc",
      "/usr/bin/dockerd": "docker-ce",
      "/lib/x86_64-linux-gnu/libc.so.6": "libc6:amd64",
    });
  });

  test("of several packages that own a path names the first", () => {
    expect(parseDpkgOwners("a, b: /usr/bin/x\nb: /usr/bin/x\n").get("/usr/bin/x")).toBe("a");
  });

  test("does not take a diversion for an owner", () => {
    const owners = parseDpkgOwners(
      "diversion by glx-diversions from: /usr/bin/x\ndiversion by glx-diversions to: /usr/bin/x.real\nowner: /usr/bin/x\n",
    );

    expect([...owners]).toEqual([["/usr/bin/x", "owner"]]);
  });

  test.each(["", "dpkg-query: no path found matching pattern /opt/runc\n", ":", ": /x", "\u0000\n"])(
    "finds no owner in %j",
    (output) => {
      expect(parseDpkgOwners(output).size).toBe(0);
    },
  );
});

describe("dpkg-query -W", () => {
  test("reports the version of the source, without the number of a rebuild", () => {
    const packages = parseDpkgPackages(
      "ii \tdocker.io\t26.1.5+dfsg1-9+deb13u1+b1\t26.1.5+dfsg1-9+deb13u1\tDebian Go Team <x@lists.debian.org>\n",
    );

    expect(packages.get("docker.io")).toEqual({
      format: "deb",
      name: "docker.io",
      version: "26.1.5+dfsg1-9+deb13u1",
      vendor: "Debian Go Team <x@lists.debian.org>",
    });
  });

  test.each(["ii ", "hi ", "hiR", "ri ", "iU ", "iF ", "iW ", "it "])(
    "takes what has its files on the disk: %j",
    (status) => {
      expect(parseDpkgPackages(`${status}\trunc\t1.1\t1.1\tX\n`).get("runc")?.version).toBe("1.1");
    },
  );

  test.each(["un ", "rc ", "hc ", "pn ", "iH ", "iHR", "", "i"])(
    "leaves out what has no files there, or some: %j",
    (status) => {
      expect(parseDpkgPackages(`${status}\trunc\t1.1\t1.1\tX\n`).size).toBe(0);
    },
  );

  test("leaves out what is not installed, or only its settings are", () => {
    expect(parseDpkgPackages("un \tdocker-ce\t\t\t\nrc \trunc\t1.1\t1.1\tX\nii \t\t1\t1\tX\n").size).toBe(0);
  });

  test("takes the package's own version where dpkg knows no source, and no maintainer for none", () => {
    expect(parseDpkgPackages("ii \tx\t1.2-3\t\t\n").get("x")).toEqual({
      format: "deb",
      name: "x",
      version: "1.2-3",
      vendor: null,
    });
  });

  test("cuts off what is longer than a report takes", () => {
    const [found] = parseDpkgPackages(
      `ii \t${"n".repeat(200)}\t${"1".repeat(200)}\t\t${"v".repeat(200)}\n`,
    ).values();

    expect([found?.name.length, found?.version.length, found?.vendor?.length]).toEqual([96, 96, 96]);
  });
});

describe("rpm -qf", () => {
  test("names package, epoch, version, release and vendor", () => {
    expect(parseRpmPackage("docker-ce\t3:29.7.0-1.el9\tDocker\n")).toEqual({
      format: "rpm",
      name: "docker-ce",
      version: "3:29.7.0-1.el9",
      vendor: "Docker",
    });
    expect(parseRpmPackage("runc\t0:1.2.5-2.el9\t(none)\n")?.vendor).toBeNull();
  });

  test.each([
    "",
    "file /opt/runc is not owned by any package",
    "error: file /x: No such file",
    "a\tb\tc",
    "\t1:2-3\t",
  ])("finds no package in %j", (output) => {
    expect(parseRpmPackage(output)).toBeNull();
  });
});
