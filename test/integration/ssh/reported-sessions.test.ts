/** Who is within a container by SSH is known on the host, and goes when the right to it goes. */
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fingerprintOf } from "@remotegpu/agent/loop/opened-by";
import type { Door } from "../../support/containers/door.ts";
import { LeasedDoors } from "../../support/agent/leased-door.ts";
import { eventually } from "../../support/eventually.ts";

let doors: LeasedDoors;
let door: Door;

beforeAll(async () => {
  doors = await LeasedDoors.open();
  door = await doors.begin("lab");
});

afterAll(() => doors.close());

/** Of the words in `ask`, by SHA-512. */
const passwordHash =
  "$6$saltsaltsalt$tBgW/4xO2qpKSEu4yOAkfmydmsZ/h0eff0KLnFAw6qr2JQrs6NVoAh7eaDcBMwHxtnvYCSHoUJ4qT.WqNPziu.";

async function lets(names: readonly string[], rest: { passwordHash?: string } = {}): Promise<void> {
  const keys = await Promise.all(
    names.map(async (name) => ({ id: name, line: (await doors.route.clientKey(name)).line })),
  );
  await door.let({ keys, ...rest });
}

test("a login by key is reported with its fingerprint, its address and its lease, and so is its end", async () => {
  const { line } = await doors.route.clientKey("owner");

  const { session, client } = await doors.enter(door);
  await client.end();

  expect(session).toMatchObject({
    instanceId: "ins-lab",
    workloadId: "env-lab",
    leaseId: "lab",
    service: "ssh",
    from: "127.0.0.1",
    login: { method: "publickey", fingerprint: fingerprintOf(line) },
    ended: null,
  });
  expect(await doors.endOf(session)).toMatchObject({
    by: expect.stringMatching(/client|container/),
    detail: "",
  });
  const { bytesIn, bytesOut } =
    doors.sessions.find(({ sessionId }) => sessionId === session.sessionId) ?? session;
  expect(bytesIn).toBeGreaterThan(1_000);
  expect(bytesOut).toBeGreaterThan(1_000);
});

test("one that runs nothing is reported as well", async () => {
  const before = doors.sessions.length;
  door.session([...(await doors.through(door)), "-N", "door"]);

  const session = await eventually(() => doors.sessions.slice(before).find(({ ended }) => ended === null), {
    what: "a session without a command",
  });

  expect(session.login?.method).toBe("publickey");
});

test("what is over is reported until it was taken, and what is open stays", async () => {
  const { session, client } = await doors.enter(door);
  const over = await doors.enter(door);
  await over.client.end();
  await doors.endOf(over.session);

  doors.taken = [over.session.sessionId, session.sessionId];
  await doors.print();

  await eventually(() => !doors.sessions.some(({ sessionId }) => sessionId === over.session.sessionId), {
    withinMs: 60_000,
    what: "a book without what was taken",
  });
  expect(doors.isOpen(session)).toBe(true);
  doors.taken = [];
  await client.end();
});

test("who is in stays in when an agent that has just begun reports nothing of who may be", async () => {
  const { session, client } = await doors.enter(door);

  await doors.opensTo(door, null);

  expect(doors.isOpen(session)).toBe(true);
  const amid = await doors.enter(door);
  await amid.client.end();
  await doors.opensTo(door, ["owner"]);
  expect(await client.end("still in")).toContain("still in");
});

describe("who has lost the right to it", () => {
  test("goes with the key, and who has another one stays", async () => {
    await lets(["owner", "other"]);
    await doors.opensTo(door, ["owner", "other"]);
    const [own, other] = [await doors.enter(door), await doors.enter(door, "other")];

    await lets(["owner"]);
    await doors.opensTo(door, ["owner"]);

    expect(await doors.endOf(other.session)).toEqual({
      at: expect.any(String),
      by: "cut",
      detail: "Its key opens this environment no more.",
    });
    await other.client.ended;
    expect(doors.isOpen(own.session)).toBe(true);
    expect(await own.client.end("still in")).toContain("still in");
  });

  test("goes when the time of the key is over", async () => {
    const { session } = await doors.enter(door);

    await doors.opensTo(door, ["owner"], { expiresAtMs: Date.now() });

    expect(await doors.endOf(session)).toMatchObject({ by: "cut", detail: "The time of its key is over." });
    await doors.opensTo(door, ["owner"]);
  });

  test("goes with the password, and who has a key stays", async () => {
    const request = join(doors.route.folder, "ask");
    await writeFile(request, "#!/bin/sh\necho 'a long password'\n");
    await chmod(request, 0o700);
    await lets(["owner"], { passwordHash });
    await doors.opensTo(door, ["owner"], { passwordMark: "first" });
    const byPassword = ["PubkeyAuthentication=no", "NumberOfPasswordPrompts=1"].flatMap((one) => ["-o", one]);
    const words = async () => [...(await doors.through(door)), ...byPassword, "-N", "door"];
    const isByPassword = () =>
      doors.sessions.find(({ login, ended }) => ended === null && login?.method === "password");
    const env = { SSH_ASKPASS: request, SSH_ASKPASS_REQUIRE: "force" };
    const own = await doors.enter(door);
    const client = await eventually(async () => {
      const tried = door.session(await words(), "ssh", env);
      const reported = await Promise.race([
        eventually(isByPassword, { what: "a login by password" }),
        tried.ended.then(() => undefined),
      ]);
      return reported === undefined ? undefined : { reported, tried };
    });
    expect(client.reported.login).toMatchObject({ method: "password", fingerprint: null });

    await doors.opensTo(door, ["owner"], { passwordMark: "second" });

    expect(await doors.endOf(client.reported)).toMatchObject({
      by: "cut",
      detail: "The password was replaced.",
    });
    await client.tried.ended;
    expect(doors.isOpen(own.session)).toBe(true);
    await own.client.end();
    await lets(["owner"]);
    await doors.opensTo(door, ["owner"]);
  });

  test("goes when it is named, and nobody else does", async () => {
    const [one, other] = [await doors.enter(door), await doors.enter(door)];

    doors.cuts = [{ sessionId: one.session.sessionId, because: "Its owner asked for it." }];
    await doors.print();

    expect(await doors.endOf(one.session)).toMatchObject({ by: "cut", detail: "Its owner asked for it." });
    await one.client.ended;
    expect(doors.isOpen(other.session)).toBe(true);
    doors.cuts = [];
    await other.client.end();
  });
});
