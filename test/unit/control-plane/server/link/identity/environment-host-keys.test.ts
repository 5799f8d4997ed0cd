/** What is told of a host key beside what ssh-keygen of OpenSSH 10.0 printed of the same private key. */
import { expect, test } from "vitest";
import { environmentHostKeys } from "@remotegpu/control-plane/server/link/identity/environment-host-keys";
import { derivedKey } from "@remotegpu/shared/proof/derived-key";

const SEED = "SOACGNTK5SWHAGJXO5VRRCUXPT4EMHHGRBBVWAVX6ZYQFBYR7BXZUXO7CA";
const keysOf = (seed: string) =>
  environmentHostKeys({ key: { getSeed: () => new TextEncoder().encode(seed) } });
const keys = keysOf(SEED);

/** `ssh-keygen -y` and `ssh-keygen -l` of the file. */
const PRIVATE = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIHMLKhvy7h/ne+vXvhW5PXJNcPDFJQOpJJuHI4bOs7HY
-----END PRIVATE KEY-----
`;
const LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPrXhHPyjcNaImSuCrjwdc0hZNHoBvfvKT9uI+v012IJ";
const FINGERPRINT = "SHA256:1yrCRo8ILHyoewg7DbD1ntlisoc77g1lCt1EiMDX2mQ";

test("the public half and the fingerprint are those of the private key", () => {
  expect(keys.privatePemOf("env-1")).toBe(PRIVATE);
  expect(keys.publicOf("env-1")).toEqual({ line: LINE, fingerprint: FINGERPRINT });
});

test("each environment has its own, for life and from every server of the fleet; another fleet has others", () => {
  const replica = keysOf(SEED);
  const stranger = keysOf(SEED.replace("SOAC", "SOAD"));

  expect(replica.publicOf("env-1")).toEqual(keys.publicOf("env-1"));
  for (const other of [keys.publicOf("env-2"), stranger.publicOf("env-1")])
    expect(other).not.toEqual(keys.publicOf("env-1"));
});

test("it is not the key of anything else that follows from the same seed", () => {
  expect(derivedKey(new TextEncoder().encode(SEED), "env-1").privateKeyPem).not.toBe(PRIVATE);
});
