/** What the builder of the toolbox changes in libraries, and how it reads copyright files. */
import { describe, expect, test } from "vitest";
import { licencesOf, packageList } from "../../../agent/install/toolbox/licences.ts";
import { withOwnPlaces } from "../../../agent/install/toolbox/own-places.ts";

describe("a name in a library", () => {
  const library = Buffer.from("code\0/usr/lib/locale\0/usr/lib/locale/archive\0more");

  test("is exchanged for one of ours, and nothing else moves", () => {
    expect(withOwnPlaces(library, { "/usr/lib/locale": "/own/loc" }).toString()).toBe(
      `code\0/own/loc${"\0".repeat(8)}/usr/lib/locale/archive\0more`,
    );
  });

  test.each([
    ["is longer", { "/usr/lib/locale": "/own/locale/that-is-longer" }, "longer"],
    ["is not there", { "/etc/none": "/own" }, "not there exactly once"],
  ])("is refused where it %s", (_what, names, why) => {
    expect(() => withOwnPlaces(library, names as Record<string, string>)).toThrow(why);
  });

  test("is refused where it is there twice", () => {
    expect(() => withOwnPlaces(Buffer.from("/a/b\0/a/b\0"), { "/a/b": "/c" })).toThrow("exactly once");
  });
});

describe("licences", () => {
  test("are those that the file names, each once", () => {
    expect(licencesOf("Files: *\nLicense: GPL-2+\n text\n\nLicense: BSD\nLicense: GPL-2+\n")).toEqual([
      "BSD",
      "GPL-2+",
    ]);
  });

  test("of a file in free text are left to be read there", () => {
    expect(licencesOf("You may copy it. See /usr/share/common-licenses/GPL-2.")).toEqual([
      "as in its copyright file",
      "which names GPL-2",
    ]);
    expect(licencesOf("Public domain.")).toEqual(["as in its copyright file"]);
  });

  test("stand in a list by package", () => {
    const lines = packageList([
      { name: "b", version: "2", licences: ["BSD", "MIT"] },
      { name: "a", version: "1", licences: ["GPL-2"] },
    ]).split("\n");

    expect(lines.slice(1)).toEqual(["a\t1\tGPL-2", "b\t2\tBSD, MIT", ""]);
  });
});
