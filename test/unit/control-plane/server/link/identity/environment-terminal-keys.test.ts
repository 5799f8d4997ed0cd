import { createPublicKey, sign, verify } from "node:crypto";
import { expect, test } from "vitest";
import { isTerminalSet } from "@remotegpu/control-plane/server/core/environments/terminal-keys";
import { environmentTerminalKeys } from "@remotegpu/control-plane/server/link/identity/environment-terminal-keys";
import { KeySet } from "@remotegpu/shared/instance/ssh-access";

const SEED = "SOACGNTK5SWHAGJXO5VRRCUXPT4EMHHGRBBVWAVX6ZYQFBYR7BXZUXO7CA";
const keysOf = (seed: string) =>
  environmentTerminalKeys({ key: { getSeed: () => new TextEncoder().encode(seed) } });
const keys = keysOf(SEED);
const place = { environmentId: "env-1", placementEpoch: 1 };

test("what a host gets is a set that it takes, and no person's", () => {
  const set = keys.keySetOf(place);

  expect(KeySet.parse(set)).toEqual(set);
  expect(isTerminalSet(set.id)).toBe(true);
  expect(isTerminalSet("c-1") || isTerminalSet("t-1")).toBe(false);
});

test("what a gateway signs is of the key that the host gets", () => {
  const { privateKey, publicLine } = keys.signerOf(place);
  const data = Buffer.from("anything");

  expect(keys.keySetOf(place).keys.map(({ line }) => line)).toEqual([publicLine]);
  const raw = Buffer.from(publicLine.split(" ")[1] ?? "", "base64").subarray(-32);
  const jwk = { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") };
  const publicKey = createPublicKey({ key: jwk, format: "jwk" });
  expect(verify(null, data, publicKey, sign(null, data, privateKey))).toBe(true);
});

test("each placement of each environment has its own, from every server of the fleet; another fleet has others", () => {
  const replica = keysOf(SEED);
  const stranger = keysOf(SEED.replace("SOAC", "SOAD"));
  const places = [
    place,
    { environmentId: "env-1", placementEpoch: 2 },
    { environmentId: "env-2", placementEpoch: 1 },
    { environmentId: "1 env-1", placementEpoch: 1 },
  ];

  expect(places.map((one) => replica.keySetOf(one))).toEqual(places.map((one) => keys.keySetOf(one)));
  const lines = [...places.map((one) => keys.signerOf(one)), stranger.signerOf(place)];
  expect(new Set(lines.map(({ publicLine }) => publicLine)).size).toBe(lines.length);
});
