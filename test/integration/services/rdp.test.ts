/**
 * xrdp as Debian packages it, kept up by the first process of a container: reached through a leased port and its relay, by
 * TLS with a key of this container, and opened by the password that its host was told of, and by nothing else.
 */
import { readFile } from "node:fs/promises";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { InstanceId, LeaseId, RunId, WorkloadId } from "@remotegpu/shared/values/ids";
import { serviceFiles } from "@remotegpu/agent/core/services/service-files";
import { readProcessLife } from "@remotegpu/agent/host/processes/process-liveness";
import { writeLiveFolder } from "@remotegpu/agent/toolbox/live-folder";
import { generatePassword } from "@remotegpu/control-plane/server/http/environments/generated-password";
import { AccessUnderTest } from "../../support/agent/access.ts";
import {
  CHOSEN_PASSWORD,
  importXrdpImage,
  XRDP_IMAGE,
} from "../../support/containers/images/desktop-images.ts";
import { importBusyboxImage } from "../../support/containers/docker.ts";
import { type Door, Doorway } from "../../support/containers/door.ts";
import { eventually } from "../../support/eventually.ts";
import { rdpHandshake } from "../../support/rdp.ts";
import { desiredOf } from "../../support/samples/desired-instance.ts";
import { wantedLease } from "../../support/samples/lease-samples.ts";

const IMAGE_MS = 300_000;
const SLOW_MS = 120_000;
const WITHIN_MS = 60_000;

const ending = new AsyncDisposableStack();
let route: Doorway;
let access: AccessUnderTest;
/** Containers that have a lease, as the agent tells them. */
const leased: { leaseId: LeaseId; door: Door; name: string }[] = [];

beforeAll(async () => {
  await Promise.all([importXrdpImage(), importBusyboxImage()]);
  route = ending.adopt(await Doorway.open(), (one) => one.close());
  access = ending.adopt(await AccessUnderTest.begin({}, { folder: route.folder }), (one) => one.stop());
}, IMAGE_MS);
afterAll(() => ending.disposeAsync());

/** A container with RDP switched on, before anybody asked for a password, and the port that leads there. */
async function begin(name: string, image = XRDP_IMAGE): Promise<{ door: Door; port: number }> {
  const door = await route.begin({ spec: { image }, isOpenAtOnce: false });
  await report(door, null);
  leased.push({ door, name, leaseId: name as LeaseId });
  const instances = await Promise.all(leased.map(instanceOf));
  const leases = leased.map((one) =>
    wantedLease(one.name, { workloadId: `env-${one.name}`, service: "rdp", internalPort: 3389 }),
  );
  await access.print({ leases, instances });
  return { door, port: await access.portOf(name) };
}

async function instanceOf({ door, name }: { door: Door; name: string }) {
  const life = await readProcessLife(door.pid);
  if (!life.alive) throw new Error(`${name} has ended`);
  return {
    workloadId: `env-${name}` as WorkloadId,
    instanceId: `ins-${name}` as InstanceId,
    runId: door.livePath.split("/").at(-1) as RunId,
    pid: door.pid,
    startTicks: life.startTicks,
  };
}

/** As its host is told. */
async function report(door: Door, passwordHash: string | null): Promise<void> {
  const { spec, live } = desiredOf("any", {});
  await writeLiveFolder(door.livePath, serviceFiles({ spec, live: { ...live, rdp: { passwordHash } } }));
}

const answerOf = (name: string) =>
  access.messages?.leases.find(({ leaseId }) => leaseId === name)?.answers ?? null;
const answers = (name: string) =>
  eventually(() => answerOf(name)?.isSeen === true, { withinMs: WITHIN_MS, what: `an answer of ${name}` });

/** Whether this is root's password, as PAM's own program says it, which sesman's PAM goes by. */
async function opens(door: Door, password: string): Promise<boolean> {
  const requested = ["exec", "-i", door.containerId, "/usr/sbin/unix_chkpwd", "root", "nonull"];
  return (await execa("docker", requested, { input: `${password}\0`, reject: false })).exitCode === 0;
}

/** What the session manager itself says to it; for one that opens it would begin a desktop, which the image has not. */
async function refusal(door: Door, password: string): Promise<string> {
  const requested = ["exec", "-i", door.containerId, "/usr/bin/xrdp-sesrun", "-F", "0", "root"];
  return (await execa("docker", requested, { input: `${password}\n`, reject: false, all: true })).all;
}

const opened = (door: Door, password: string) =>
  eventually(() => opens(door, password), { withinMs: WITHIN_MS, what: "a password that opens" });
const shut = (door: Door, password: string) =>
  eventually(async () => !(await opens(door, password)), { withinMs: WITHIN_MS, what: "one that does not" });

test(
  "answers a client through the leased port by TLS, with a key that it made for itself",
  async () => {
    const [one, other] = [await begin("one"), await begin("other")];
    await Promise.all([answers("one"), answers("other")]);

    const first = await rdpHandshake(one.port);
    expect(first.isTls).toBe(true);
    expect((await rdpHandshake(one.port)).fingerprint).toBe(first.fingerprint);
    expect((await rdpHandshake(other.port)).fingerprint).not.toBe(first.fingerprint);
  },
  SLOW_MS,
);

test(
  "is opened by the newest password alone: by none before there is one, and never by the image's own",
  async () => {
    const { door } = await begin("opened");
    await answers("opened");
    const [first, second] = [generatePassword(), generatePassword()];
    for (const password of [first.password, "", CHOSEN_PASSWORD])
      expect(await opens(door, password)).toBe(false);
    expect(await refusal(door, CHOSEN_PASSWORD)).toMatch(/login failed/i);

    await report(door, first.hash);
    await opened(door, first.password);
    expect(await opens(door, second.password)).toBe(false);
    expect(await opens(door, CHOSEN_PASSWORD)).toBe(false);

    const xrdp = await door.processOf("/usr/sbin/xrdp --nodaemon");
    await report(door, second.hash);
    await opened(door, second.password);
    await shut(door, first.password);
    // Nobody who is in was thrown out by that.
    expect(await door.processOf("/usr/sbin/xrdp --nodaemon")).toBe(xrdp);
    await report(door, null);
    await shut(door, second.password);

    for (const [pid, line] of await door.processes()) {
      const output = `${line} ${await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "")}`;
      for (const { password, hash } of [first, second]) {
        expect(output).not.toContain(password);
        expect(output).not.toContain(hash);
      }
    }
    const { stdout: log } = await execa("docker", [
      "exec",
      door.containerId,
      "/.remotegpu/service-log",
      "rdp",
      "all",
    ]);
    expect(log).toContain("[remotegpu] rdp is started.");
    for (const { password, hash } of [first, second])
      expect(log.includes(password) || log.includes(hash)).toBe(false);
    const { stdout: reported } = await execa("docker", ["inspect", door.containerId]);
    expect(reported.includes(second.hash) || reported.includes(second.password)).toBe(false);
  },
  SLOW_MS,
);

test(
  "is begun again when it has ended, and ends with its switch",
  async () => {
    const { door, port } = await begin("again");
    await answers("again");
    const xrdp = (await door.processOf("/usr/sbin/xrdp --nodaemon")) ?? 0;
    process.kill(xrdp, "SIGKILL");
    const next = async () => {
      const pid = await door.processOf("/usr/sbin/xrdp --nodaemon");
      return pid !== undefined && pid !== xrdp && pid;
    };
    await eventually(next, { withinMs: WITHIN_MS, what: "another xrdp" });
    await eventually(async () => (await rdpHandshake(port).catch(() => null))?.isTls, {
      withinMs: WITHIN_MS,
      what: "an answer of it",
    });

    await writeLiveFolder(door.livePath, []);
    const isOver = async () => (await door.processOf("xrdp")) === undefined;
    expect(await eventually(isOver, { withinMs: WITHIN_MS, what: "the end of xrdp" })).toBe(true);
  },
  SLOW_MS,
);

test("where the image has none that is logged, once, and nobody answers", async () => {
  const busybox = await begin("none", desiredOf("any", {}).spec.image);
  const log = () =>
    execa("docker", ["exec", busybox.door.containerId, "/.remotegpu/service-log", "rdp", "all"]).then(
      ({ stdout }) => stdout,
    );
  await eventually(async () => (await log()).includes("xrdp is not in the image."), {
    withinMs: WITHIN_MS,
    what: "what is missing",
  });
  await eventually(() => answerOf("none")?.isSeen === false, { withinMs: WITHIN_MS, what: "a look at it" });
  await expect(rdpHandshake(busybox.port)).rejects.toThrow(/./);
});
