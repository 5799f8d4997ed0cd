/** What the host changes of a container's way in while it runs: keys, a password, whether there is one at all. */
import { chmod, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import type { RunId } from "@remotegpu/shared/values/ids";
import { afterAll, beforeAll, expect, test } from "vitest";
import { terminalWords } from "@remotegpu/control-plane/server/core/environments/terminal-words";
import { makeLiveFolder, removeLiveFolder, writeLiveFolder } from "@remotegpu/agent/toolbox/live-folder";
import { type Door, Doorway } from "../../support/containers/door.ts";
import { docker, runInside } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";

let route: Doorway;
let door: Door;

beforeAll(async () => {
  route = await Doorway.open();
  door = await route.begin();
});

afterAll(() => route.close());

/** Of the words in `ask`, by SHA-512. */
const passwordHash =
  "$6$saltsaltsalt$tBgW/4xO2qpKSEu4yOAkfmydmsZ/h0eff0KLnFAw6qr2JQrs6NVoAh7eaDcBMwHxtnvYCSHoUJ4qT.WqNPziu.";
const silent = ["-o", "BatchMode=yes"];

test("a key opens at the next login, and no more once it is taken away; who is in stays in", async () => {
  const stranger = ["-F", await door.configOf("stranger"), ...silent, "door", "echo in"];
  const [owner, other] = [await route.clientKey("owner"), await route.clientKey("stranger")];
  expect(await door.ssh(stranger)).toMatchObject({ exitCode: 255 });

  await door.let({ keys: [owner, other].map(({ line }, index) => ({ id: `key-${index}`, line })) });
  expect(await door.ssh(stranger)).toMatchObject({ exitCode: 0, stdout: "in" });
  const session = door.session(["-F", await door.configOf("stranger"), "door", "cat"]);
  await eventually(() => door.processOf("session -c cat"));

  await door.let({ keys: [{ id: "key-0", line: owner.line }] });
  expect(await door.ssh(stranger)).toMatchObject({ exitCode: 255 });
  expect(await door.ssh("echo in")).toMatchObject({ stdout: "in" });
  expect(await session.end("still in")).toBe("still in");
});

test("a key with a time, as that of an administrator's ticket, opens until then and no longer", async () => {
  const [owner, other] = [await route.clientKey("owner"), await route.clientKey("stranger")];
  const ticket = ["-F", await door.configOf("stranger"), ...silent, "door", "echo in"];
  const until = (ms: number) => new Date(Date.now() + ms).toISOString();
  const lets = async (expiresAt: string) =>
    await door.let({
      keys: [
        { id: "key-0", line: owner.line },
        { id: "t-1", line: other.line, expiresAt },
      ],
    });

  await lets(until(60_000));
  expect(await door.ssh(ticket)).toMatchObject({ exitCode: 0, stdout: "in" });

  await lets(until(-1_000));
  expect(await door.ssh(ticket)).toMatchObject({ exitCode: 255 });
  expect(await door.ssh("echo in")).toMatchObject({ stdout: "in" });
});

test("the key that opened it is given to the session, and not to what runs in it", async () => {
  const { line } = await route.clientKey("owner");
  await door.let({ keys: [{ id: "key-7", line }] });

  door.session(["door", "sleep 4801"]);
  const pid = await eventually(() => door.processOf("session -c sleep 4801"));
  const asleep = await eventually(async () => {
    for (const [each, command] of await door.processes()) if (command === "sleep 4801") return each;
    return undefined;
  });

  expect(await readFile(`/proc/${pid}/environ`, "utf8")).toContain("REMOTEGPU_KEY=key-7\0");
  expect(await readFile(`/proc/${asleep}/environ`, "utf8")).not.toContain("REMOTEGPU_KEY");
});

test("hostile comments of keys run nothing and open nothing", async () => {
  const { line } = await route.clientKey("owner");
  const [type, body] = line.split(" ");
  const comment = `x",command="touch /tmp/smuggled"\ncommand="touch /tmp/smuggled" ${type} ${body}\rno-pty`;
  await door.let({ keys: [{ id: "key-1", line: `${type} ${body} ${comment}` }] });

  expect(await door.ssh("echo in; ls /tmp")).toMatchObject({ stdout: "in", exitCode: 0 });
});

test("the last of ten thousand keys opens it", async () => {
  const { line } = await route.clientKey("owner");
  const [type = "", body = ""] = line.split(" ");
  const bytes = Buffer.from(body, "base64");
  const others = Array.from({ length: 9_999 }, (_, index) => {
    bytes.writeUInt32BE(index, bytes.length - 4);
    return { id: `key-${index}`, line: `${type} ${bytes.toString("base64")}` };
  });

  await door.let({ keys: [...others, { id: "key-9999", line }] });

  expect(await door.ssh("echo in")).toMatchObject({ stdout: "in" });
});

test("whoever is at a terminal is sent a line, whatever is in it", async () => {
  await door.let();
  const sessions = [1, 2].map(() => door.session(["-tt", "door", "echo here; cat"]));
  for (const session of sessions) await session.prints(/here/);
  const line = `it's "$(echo not run)" %s \\n`;

  expect(await runInside(door.containerId, terminalWords(line))).toBe(0);
  for (const session of sessions)
    await eventually(() => session.output.includes(`\n${line}\r`), { what: `the line in ${session.output}` });
});

test("a password opens it once there is one, and no more when it is taken away", async () => {
  const request = join(route.folder, "ask");
  await writeFile(request, "#!/bin/sh\necho 'a long password'\n");
  await chmod(request, 0o700);
  const words = ["-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=1", "door", "echo in"];
  const env = { SSH_ASKPASS: request, SSH_ASKPASS_REQUIRE: "force" };
  const byPassword = () => door.ssh(words, { env });
  const session = door.session(["door", "cat"]);
  await eventually(() => door.processOf("session -c cat"));
  expect((await byPassword()).stderr).toContain("Permission denied (publickey)");

  await door.let({ passwordHash });
  await eventually(async () => (await byPassword()).stdout === "in", { what: "a login by password" });
  await door.let({ passwordHash: passwordHash.replace(/.$/, "/") });
  expect((await byPassword()).stderr).toContain("Permission denied (publickey,password)");

  await door.let();
  await eventually(async () => (await byPassword()).stderr.includes("(publickey)."));
  expect(await session.end("still in")).toBe("still in");
});

test("sshd runs from the moment on that it has a configuration, and for as long", async () => {
  const listener = () => door.processOf("listener");
  const session = door.session(["door", "cat"]);
  await eventually(() => door.processOf("session -c cat"));

  await writeLiveFolder(door.livePath, []);
  await eventually(async () => (await listener()) === undefined, { what: "its end" });
  expect(await session.end("still in")).toBe("still in");

  await door.let();
  await door.isOpen();
  expect(await door.ssh("echo in")).toMatchObject({ stdout: "in" });
});

test("its files are the host's: secret ones for root alone, none left half-written, none that the container can change", async () => {
  await writeFile(join(door.livePath, "of-another-version"), "");
  await door.let();

  const names = (await readdir(door.livePath)).sort();
  const modes = await Promise.all(
    names.map(async (name) => (await stat(join(door.livePath, name))).mode & 0o777),
  );
  expect(Object.fromEntries(names.map((name, index) => [name, modes[index]?.toString(8)]))).toEqual({
    authorized_keys: "600",
    group: "644",
    host_key: "600",
    passwd: "644",
    shadow: "600",
    sshd_config: "644",
  });
  const tried = await door.ssh(
    "cd /.remotegpu/live; echo x >passwd; rm shadow; umount . ; mv ../live ../else; ls | wc -l",
  );
  expect(tried.stdout).toBe("6");
});

test("a run's folder can be entered by the host's root alone, and goes with the run", async () => {
  const runId = "run-gone" as RunId;
  const folder = await makeLiveFolder(route.folder, runId);
  await writeLiveFolder(folder, [{ name: "host_key", text: "secret", isPublic: false }]);
  expect((await stat(dirname(folder))).mode & 0o777).toBe(0o700);

  await removeLiveFolder(route.folder, runId);
  await removeLiveFolder(route.folder, runId);

  expect(await readdir(dirname(folder))).toEqual([expect.stringMatching(/^run-door-/)]);
});

test("a file with the same content is not touched, so that sshd reads nothing again", async () => {
  const config = join(door.livePath, "sshd_config");
  await door.let();
  const before = await stat(config);

  await door.let({ keys: [] });

  expect((await stat(config)).ino).toBe(before.ino);
  await door.let();
});

test("who has taken sshd's place or its folder has shut only the own door, and init goes on", async () => {
  const live = await route.begin({
    spec: {
      command: [
        "nc -ll -p 2022 -s 127.0.0.1 -e cat & mkdir /run; echo x >/run/sshd",
        "until [ -e /tmp/free ]; do sleep 0.1; done; rm /run/sshd; kill %1; sleep 1000",
      ].join("\n"),
    },
    isOpenAtOnce: false,
  });
  await eventually(() => live.processOf("nc -ll"));
  expect(await live.processOf("listener")).toBeUndefined();

  await execa("docker", ["exec", live.containerId, "touch", "/tmp/free"]);
  await live.isOpen();

  expect(await live.ssh("echo in")).toMatchObject({ stdout: "in" });
  await docker.getContainer(live.containerId).stop({ t: 10 });
  expect((await docker.getContainer(live.containerId).inspect()).State.ExitCode).toBe(143);
});
