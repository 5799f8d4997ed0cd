import { expect, test } from "vitest";
import { jobRankKeys } from "@remotegpu/control-plane/server/link/identity/job-rank-keys";
import { launchFiles, launchOf } from "@remotegpu/agent/core/ssh/launch-files";
import { rankOrder, gangNetwork } from "../../../../support/samples/gang-samples.ts";

const KEYS = jobRankKeys({ key: { getSeed: () => new Uint8Array(32).fill(1) } });
const USER = { uid: 1000, gid: 50 };

function order(role: "leads" | "follows") {
  const made = rankOrder("mpi", {
    gang: gangNetwork(),
    at: role === "leads" ? 0 : 1,
    of: 2,
    command: "true",
    live: { rankKeys: KEYS.keysOf({ workloadId: "job-1", attempt: 1, role }) },
  });
  return { ...made, spec: { ...made.spec, launch: { role, attempt: 1, slots: 4 } } };
}

function files(role: "leads" | "follows", owner = USER) {
  const launch = launchOf(order(role));
  if (launch === null) throw new Error("nothing was ordered");
  return launchFiles(launch, owner);
}
const text = (role: "leads" | "follows", name: string, owner = USER) =>
  files(role, owner).find((file) => file.name === name)?.text;

test("only the key is a secret, and it is the own user's", () => {
  for (const role of ["leads", "follows"] as const) {
    const secrets = files(role).filter(({ isPublic }) => !isPublic);
    expect(secrets).toEqual([
      expect.objectContaining({
        name: "rank_key",
        owner: USER,
        text: expect.stringContaining("PRIVATE KEY"),
      }),
    ]);
    const reported = files(role).filter(({ isPublic }) => isPublic);
    expect(reported.map(({ text: output }) => output).join("")).not.toContain("PRIVATE");
  }
});

test("the one that leads finds all ranks with their room, and enters each by its address", () => {
  expect(text("leads", "hostfile")).toBe("rank-0 slots=4\nrank-1 slots=4\n");
  expect(text("leads", "rank_names")).toBe("rank-0\nrank-1\n");
  expect(text("leads", "ssh_config")).toMatch(
    /Host rank-1\nHostName 10\.224\.0\.129\nHost \*\nPort 2023\nUser rank\n/,
  );
  expect(text("leads", "known_hosts")).toBe(
    `ranks ${KEYS.keysOf({ workloadId: "job-1", attempt: 1, role: "leads" }).otherLine}\n`,
  );
});

test("the others listen within the gang alone, for its key and their own user", () => {
  expect(text("follows", "rank_sshd_config")).toMatch(
    /^ListenAddress 10\.224\.0\.129:2023\nHostKey \/\.remotegpu\/live\/rank_key\n.*\nAllowUsers rank\n/,
  );
  expect(text("follows", "passwd")).toMatch(/^rank:x:1000:50:rank:\/:\/\.remotegpu\/session\n/);
  expect(text("follows", "passwd", { uid: 0, gid: 0 })).toMatch(/^root:x:0:0:/);
  expect(text("follows", "hostfile")).toBeUndefined();
});

test("nothing of it is there without an order, or without its keys", () => {
  const { spec, ...rest } = order("leads");
  const { launch: _launch, ...plain } = spec;

  expect(launchOf({ ...rest, spec: plain })).toBeNull();
  expect(launchOf({ ...rest, spec, live: { ...rest.live, rankKeys: undefined } })).toBeNull();
});
