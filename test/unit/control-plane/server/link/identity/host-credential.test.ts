import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode, type User } from "@nats-io/jwt";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  hostIdentity,
  makeChallenge,
  mintHostCredential,
  verifyChallenge,
} from "@remotegpu/control-plane/server/link/identity/host-credential";
import { verifySignature } from "@remotegpu/control-plane/server/link/identity/signature";
import { openOperator, type Operator } from "@remotegpu/control-plane/server/link/servers/operator";
import { openHostKey, type HostKey } from "@remotegpu/agent/link/nkey";
import { renewalProofText } from "@remotegpu/shared/messages/joining";
import { aHost } from "../../../../../support/samples/protocol-samples.ts";

const now = new Date("2026-01-01T00:00:00Z");
const later = (ms: number) => new Date(now.getTime() + ms);
let folder: string;
let key: HostKey;
let otherKey: HostKey;
let operator: Operator;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "remotegpu-identity-"));
  operator = await openOperator(join(folder, "operator.json"));
  key = openHostKey(join(folder, "key"));
  otherKey = openHostKey(join(folder, "other-key"));
});

afterAll(() => rmSync(folder, { recursive: true }));

test.each([
  ["at once", 0, true],
  ["just in time", 119_999, true],
  ["too late", 120_000, false],
])("a challenge answered %s: %d ms, %s", (_, afterMs, isGood) => {
  const claim = { hostId: "host-1", nkey: key.publicKey };
  const challenge = makeChallenge("secret", { ...claim, now });

  expect(challenge.length).toBeLessThanOrEqual(200);
  expect(verifyChallenge("secret", challenge, { ...claim, now: later(afterMs) })).toBe(isGood);
});

test("a challenge is good for its host, its key and its maker only", () => {
  const claim = { hostId: "host-1", nkey: key.publicKey, now };
  const challenge = makeChallenge("secret", claim);
  const [until, nonce, mark] = challenge.split(".");

  expect(verifyChallenge("secret", challenge, { ...claim, hostId: "host-2" })).toBe(false);
  expect(verifyChallenge("secret", challenge, { ...claim, nkey: otherKey.publicKey })).toBe(false);
  expect(verifyChallenge("other", challenge, claim)).toBe(false);
  expect(verifyChallenge("secret", `${until}z.${nonce}.${mark}`, claim)).toBe(false);
  expect(verifyChallenge("secret", `${challenge}.x`, claim)).toBe(false);
  for (const nonsense of ["", ".", "..", "a.b", "a.b.c"])
    expect(verifyChallenge("secret", nonsense, claim)).toBe(false);
});

test("a renewal needs the challenge and the key's signature of it", () => {
  const identity = hostIdentity(operator, { natsUrls: ["nats://127.0.0.1:4222"], ca: null });
  const claim = { hostId: "host-1", nkey: key.publicKey };
  const challenge = identity.makeChallenge({ ...claim, now });
  const text = renewalProofText("host-1", key.publicKey, challenge);

  const by = (signature: string) => identity.verifyRenewal({ ...claim, challenge, signature, now });

  expect(by(key.sign(text))).toBe(true);
  expect(by(otherKey.sign(text))).toBe(false);
  expect(by(key.sign("something else"))).toBe(false);
  expect(by("")).toBe(false);
});

test("malformed keys and signatures are no proof, and no exception", () => {
  expect(verifySignature("U", "text", "AAAA")).toBe(false);
  expect(verifySignature(key.publicKey, "text", "%%%")).toBe(false);
  const mistyped = key.publicKey.replace(/.$/, (last) => (last === "A" ? "B" : "A"));
  expect(verifySignature(mistyped, "text", key.sign("text"))).toBe(false);
});

test("a credential allows exactly its host's subjects, for 72 hours", async () => {
  const grant = await mintHostCredential(operator, {
    hostId: aHost("host-1"),
    nkey: key.publicKey,
    natsUrls: ["nats://127.0.0.1:4222"],
    ca: null,
    now,
  });

  const claims = decode<User>(grant.jwt);
  expect(claims).toMatchObject({
    sub: key.publicKey,
    iss: operator.hostsAccount.getPublicKey(),
    exp: later(72 * 3_600_000).getTime() / 1_000,
    nats: {
      pub: { allow: ["rg.v1.h.host-1.up.>"] },
      sub: { allow: ["rg.v1.h.host-1.down.>"] },
      resp: { max: 1 },
      allowed_connection_types: ["STANDARD"],
    },
  });
  expect(claims.nats.bearer_token ?? false).toBe(false);
  expect(grant.expires_at).toBe("2026-01-04T00:00:00.000Z");
});
