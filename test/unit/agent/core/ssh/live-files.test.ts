/** The files of a container's sshd as texts. */
import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { liveFiles, type SshDoor } from "@remotegpu/agent/core/ssh/live-files";

const HOST_KEY = generateKeyPairSync("ed25519")
  .privateKey.export({ type: "pkcs8", format: "pem" })
  .toString();
const HASH =
  "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/";
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKVeNp4T0Pw8IqHfBbXvyFZqu2mzX9VvmrCvn5dS5V0p";

const filesOf = (changes: Partial<SshDoor> = {}) =>
  liveFiles({ keys: [], hostKeyPem: HOST_KEY, passwordHash: null, home: "/root", ...changes }).files;
const textOf = (name: string, changes: Partial<SshDoor> = {}) =>
  filesOf(changes).find((file) => file.name === name)?.text;

test("are written with the configuration last, since sshd starts when that appears", () => {
  expect(filesOf().map(({ name }) => name)).toEqual([
    "host_key",
    "authorized_keys",
    "passwd",
    "group",
    "shadow",
    "sshd_config",
  ]);
});

test("are secret where they hold a key or a hash", () => {
  const secret = filesOf().filter((file) => !file.isPublic);

  expect(secret.map(({ name }) => name)).toEqual(["host_key", "authorized_keys", "shadow"]);
});

test("the host key is what was given, and keys are those given with the names of the refused", () => {
  const door = { hostKeyPem: HOST_KEY, passwordHash: null, home: "/root" };
  const made = liveFiles({
    ...door,
    keys: [
      { id: "a", line: `${KEY} joe` },
      { id: "b", line: "no key" },
    ],
  });

  expect(textOf("host_key")).toBe(HOST_KEY);
  expect(made.files[1]?.text).toBe(`environment="REMOTEGPU_KEY=a" ${KEY}\n`);
  expect(made.refused.map(({ id }) => id)).toEqual(["b"]);
});

describe("without a password", () => {
  test("none opens it, and keys do: the user is not locked", () => {
    expect(textOf("shadow")).toBe("root:*:1:0:99999:7:::\n");
    expect(textOf("sshd_config")).toBe(
      [
        "HostKey /.remotegpu/live/host_key",
        "AuthorizedKeysFile /.remotegpu/live/authorized_keys",
        "PasswordAuthentication no",
        "Include /.remotegpu/etc/sshd_config",
        "",
      ].join("\n"),
    );
  });
});

test("with a password its hash stands in the list, and sshd requests it", () => {
  expect(textOf("shadow", { passwordHash: HASH })).toBe(`root:${HASH}:1:0:99999:7:::\n`);
  expect(textOf("sshd_config", { passwordHash: HASH })).toContain("PasswordAuthentication yes\n");
});

test.each(["", "secret", "$6$salt", "$6$salt$a:b", "$6$salt$a\nroot::0:", "*", "$6$salt$ä"])(
  "%j is no hash of a password",
  (passwordHash) => {
    expect(() => filesOf({ passwordHash })).toThrow("the hash of a password is none");
  },
);

test.each([
  ["nothing", ""],
  ["two keys", `${HOST_KEY}${HOST_KEY}`],
  ["a key of another kind", HOST_KEY.replaceAll("PRIVATE KEY", "OPENSSH PRIVATE KEY")],
  ["a key with another line", HOST_KEY.replace("-----END", "HostKey /etc/shadow\n-----END")],
])("%s is no host key", (_what, hostKeyPem) => {
  expect(() => filesOf({ hostKeyPem })).toThrow("no PKCS#8 key");
});

test("the users are root, with the session in place of a shell, and the one that sshd becomes", () => {
  expect(textOf("passwd", { home: "/home/joe" })).toBe(
    "root:x:0:0:root:/home/joe:/.remotegpu/session\nsshd:x:61200:61200:sshd:/run/sshd:/.remotegpu/session\n",
  );
});

test.each([
  ["empty", ""],
  ["no path", "root"],
  ["several fields", "/a:/bin/sh"],
  ["several lines", "/a\nevil:x:0:0::/:/bin/sh"],
  ["cut by NUL", "/a\0b"],
  ["too long", `/${"a".repeat(1_024)}`],
])("a home that is %s is the root folder", (_what, home) => {
  expect(textOf("passwd", { home })?.split("\n")[0]).toBe("root:x:0:0:root:/:/.remotegpu/session");
  expect(textOf("passwd", { home })?.split("\n")).toHaveLength(3);
});
