/** Which of the places that set something holds, and what of them is read again. */
import { describe, expect, test } from "vitest";
import {
  assertReadable,
  type Disk,
  foundSettings,
  readSources,
  rereadSources,
  SettingsFileError,
} from "@remotegpu/shared/settings/setting-sources";

const FILE = "/etc/remotegpu/some.env";
const NAMES = ["ONE", "TWO", "THREE", "FOUR"];

/** Path → text; a folder's files are those below it. */
function diskOf(texts: Record<string, string>, mode = 0o100600): Disk {
  return {
    read(path) {
      const text = texts[path];
      if (text === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
      return text;
    },
    mode: () => mode,
    names: (folder) =>
      Object.keys(texts)
        .filter((path) => path.startsWith(`${folder}/`))
        .map((path) => path.slice(folder.length + 1)),
  };
}

const found = (...given: Parameters<typeof readSources>) =>
  Object.fromEntries(foundSettings(readSources(...given)));

test("an option goes before the environment, that before a credential, that before the file", () => {
  const disk = diskOf({
    [FILE]: "ONE=file\nTWO=file\nTHREE=file\n\nFOUR=file\n",
    "/run/credentials/ONE": "credential",
    "/run/credentials/TWO": "credential",
    "/run/credentials/THREE": "credential\n",
    "/run/credentials/other": "no setting",
  });
  const environment = {
    REMOTEGPU_CONFIG_FILE: FILE,
    CREDENTIALS_DIRECTORY: "/run/credentials",
    ONE: "environment",
    TWO: "environment",
  };

  expect(found({ options: { ONE: "option" }, environment }, NAMES, disk)).toMatchObject({
    ONE: { value: "option", origin: { from: "option" } },
    TWO: { value: "environment", origin: { from: "environment" } },
    THREE: { value: "credential", origin: { from: "credential", file: "/run/credentials/THREE" } },
    FOUR: { value: "file", origin: { from: "file", file: FILE, line: 5 } },
  });
  expect(found({ environment }, NAMES, disk)).not.toHaveProperty("other");
});

test("an empty variable of the environment takes the file's value away", () => {
  const environment = { REMOTEGPU_CONFIG_FILE: FILE, ONE: "" };

  expect(found({ environment }, NAMES, diskOf({ [FILE]: "ONE=file\n" }))).toMatchObject({
    ONE: { value: "", origin: { from: "environment" } },
  });
});

test("what the environment repeats of the file counts as the file's, so that it can be read again", () => {
  const environment = { REMOTEGPU_CONFIG_FILE: FILE, ONE: "first", TWO: "own" };
  const before = readSources({ environment }, NAMES, diskOf({ [FILE]: "ONE=first\nTWO=first\n" }));

  const now = rereadSources(before, NAMES, diskOf({ [FILE]: "\nONE=second\nTWO=second\n" }));

  expect(Object.fromEntries(foundSettings(before))).toMatchObject({
    ONE: { value: "first", origin: { from: "file", line: 1 } },
    TWO: { value: "own", origin: { from: "environment" } },
  });
  expect(Object.fromEntries(foundSettings(now))).toMatchObject({
    ONE: { value: "second", origin: { from: "file", line: 2 } },
    TWO: { value: "own", origin: { from: "environment" } },
  });
});

describe("a file", () => {
  test.each([{}, { REMOTEGPU_CONFIG_FILE: "" }])(
    "is read where %j names one, and else none is",
    (environment) => {
      expect(readSources({ environment }, NAMES, diskOf({})).file).toBeNull();
    },
  );

  test("that is named and missing is an error that names it", () => {
    const read = () => readSources({ environment: { REMOTEGPU_CONFIG_FILE: FILE } }, NAMES, diskOf({}));

    expect(read).toThrow(SettingsFileError);
    expect(read).toThrow(
      `the settings file cannot be read: ENOENT: no such file or directory, open '${FILE}'`,
    );
  });

  test("of an option goes before the environment's", () => {
    const given = {
      options: { REMOTEGPU_CONFIG_FILE: "/other" },
      environment: { REMOTEGPU_CONFIG_FILE: FILE },
    };

    expect(readSources(given, NAMES, diskOf({ "/other": "ONE=1" })).file?.path).toBe("/other");
  });

  test.each([
    ["ONE=1\nexport TWO=2\n", `${FILE}:2: is not NAME=value`],
    ["REMOTEGPU_CONFIG_FILE=/other\n", `${FILE}:1: REMOTEGPU_CONFIG_FILE cannot name another file`],
  ])("with the text %j cannot be used, by its line", (text, sentence) => {
    const environment = { REMOTEGPU_CONFIG_FILE: FILE };
    const { file } = readSources({ environment }, NAMES, diskOf({ [FILE]: text }));

    expect(() => assertReadable(file)).toThrow(new SettingsFileError(sentence));
  });

  test.each([
    [0o100600, false],
    [0o100640, false],
    [0o100644, true],
  ])("of mode %o is readable by all: %s", (mode, isReadableByAll) => {
    const environment = { REMOTEGPU_CONFIG_FILE: FILE };

    expect(readSources({ environment }, NAMES, diskOf({ [FILE]: "" }, mode)).file).toMatchObject({
      isReadableByAll,
    });
  });
});
