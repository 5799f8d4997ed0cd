/** The bytes of an nkey, by the library's own signatures. */
import { createPublicKey, sign, verify } from "node:crypto";
import { createUser } from "@nats-io/nkeys";
import { expect, test } from "vitest";
import { ed25519Key } from "@remotegpu/shared/proof/derived-key";
import { keyOfNkeySeed, keyOfPublicNkey } from "@remotegpu/shared/proof/nkey-bytes";

const SPKI_HEAD = Buffer.from("302a300506032b6570032100", "hex");

test("a seed's bytes sign as the library does, and the public key's bytes check it", () => {
  const pair = createUser();
  const text = Buffer.from("a batch of rows");
  const key = ed25519Key(keyOfNkeySeed(new TextDecoder().decode(pair.getSeed())));
  const publicKey = createPublicKey({
    key: Buffer.concat([SPKI_HEAD, keyOfPublicNkey(pair.getPublicKey())]),
    format: "der",
    type: "spki",
  });

  const signature = sign(null, text, key);

  expect(signature).toEqual(Buffer.from(pair.sign(text)));
  expect(verify(null, text, publicKey, signature)).toBe(true);
  expect(pair.verify(text, signature)).toBe(true);
});
