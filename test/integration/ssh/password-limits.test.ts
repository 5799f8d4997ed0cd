/**
 * Guesses at the password of an environment from many addresses, with OpenSSH's client and a real access process: after
 * some, strangers come in by keys alone, and whoever has logged in lately notices nothing; restarts change nothing.
 */
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cryptHash } from "@remotegpu/control-plane/server/http/environments/generated-password";
import { RATE_OF_STRANGER, RATE_OF_STRANGERS } from "@remotegpu/agent/core/access/password-limiter";
import type { Door } from "../../support/containers/door.ts";
import { LeasedDoors } from "../../support/agent/leased-door.ts";
import { eventually } from "../../support/eventually.ts";

const PASSWORD = "sesame-of-the-owner";
const OWNER = "127.0.0.1";
const STRANGER = "127.0.0.99";
/** By OpenSSH's client, each of three passwords; the rest by clients that send as much. */
const REAL_GUESSES = 4;

let doors: LeasedDoors;
let lab: Door;

beforeAll(async () => {
  doors = await LeasedDoors.open();
  lab = await doors.begin("lab");
  await lab.let({ passwordHash: cryptHash(PASSWORD, "rounds=1000$saltofthetest") });
  await doors.opensTo(lab, ["owner"], { passwordMark: "mark" });
  await lab.isOpen();
});
afterAll(() => doors.close());

async function byPassword(from: string, password: string) {
  const request = join(doors.route.folder, `ask-${password}`);
  await writeFile(request, `#!/bin/sh\necho ${password}\n`, { mode: 0o755 });
  const words = [
    ...(await doors.through(lab, { from })),
    ...["PubkeyAuthentication=no", "NumberOfPasswordPrompts=3"].flatMap((option) => ["-o", option]),
    "door",
    "echo in",
  ];
  return lab.ssh(words, { env: { SSH_ASKPASS: request, SSH_ASKPASS_REQUIRE: "force" } });
}

async function byKey(from: string) {
  return lab.ssh([...(await doors.through(lab, { from })), "-o", "BatchMode=yes", "door", "echo in"]);
}

/** As much as a password takes, for the server of which it is nonsense. */
async function nonsense(from: string): Promise<void> {
  const socket = connect({ port: await doors.access.portOf("lab"), host: "127.0.0.1", localAddress: from });
  socket.on("error", () => undefined).resume();
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.write(`SSH-2.0-Guess\r\n${"\0".repeat(512)}`);
  await closed;
}

/** All that strangers have left, from several addresses. */
async function guess(): Promise<void> {
  const addresses = Math.ceil(RATE_OF_STRANGERS.burst / RATE_OF_STRANGER.burst) + 1;
  for (let address = 0; address < addresses; address += 1)
    await Promise.all(
      Array.from({ length: RATE_OF_STRANGER.burst }, () => nonsense(`127.0.0.${20 + address}`)),
    );
}

const isReported = (address: string) => () =>
  doors.sessions.some(({ from, login }) => from === address && login !== null);

test("guesses from many addresses shut passwords to strangers, and to nobody else", async () => {
  // sshd closes its listener for a moment while it takes another configuration.
  await eventually(async () => (await byPassword(OWNER, PASSWORD)).stdout === "in", { what: "a login" });
  await eventually(isReported(OWNER), { what: "the owner's login" });

  for (let each = 0; each < REAL_GUESSES; each += 1)
    expect((await byPassword(`127.0.0.${10 + each}`, "guess")).exitCode).toBe(255);
  await guess();

  const guessed = await byPassword(STRANGER, PASSWORD);
  expect(guessed).toMatchObject({ stdout: "", exitCode: 255 });
  expect(guessed.stderr).toContain("Permission denied (publickey)");
  expect(await byPassword(OWNER, PASSWORD)).toMatchObject({ stdout: "in", exitCode: 0 });
  await eventually(() => /too many logins came to nothing/.test(doors.access.program.output()), {
    what: "a word in the log of the host",
  });
});

test("neither a relay nor an access process that begins anew gives strangers their tries back", async () => {
  process.kill(doors.access.relayPid, "SIGKILL");
  await eventually(async () => (await byKey(OWNER)).stdout === "in", { what: "the next relay" });
  expect(await byPassword("127.0.0.98", PASSWORD)).toMatchObject({ exitCode: 255 });

  await doors.access.stop();
  await doors.access.start();
  await doors.print();
  await doors.access.portOf("lab");
  await eventually(async () => (await byKey(OWNER)).stdout === "in", { what: "the next process" });

  expect(await byPassword("127.0.0.97", PASSWORD)).toMatchObject({ exitCode: 255 });
  expect(await byPassword(OWNER, PASSWORD)).toMatchObject({ stdout: "in", exitCode: 0 });
});

test("keys open it from anywhere, and who came in by one is known from then on", async () => {
  expect(await byKey(STRANGER)).toMatchObject({ stdout: "in", exitCode: 0 });
  await eventually(isReported(STRANGER), { what: "the stranger's login" });

  expect(await byPassword(STRANGER, PASSWORD)).toMatchObject({ stdout: "in", exitCode: 0 });
});
