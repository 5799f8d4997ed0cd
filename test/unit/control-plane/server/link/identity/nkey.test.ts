/** The system's check of signatures against the nkeys library, which makes them. */
import { createAccount, createUser } from "@nats-io/nkeys";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { verifySignature } from "@remotegpu/control-plane/server/link/identity/signature";
import { keyOfNkey } from "@remotegpu/control-plane/server/link/identity/nkey";

const signed = (key: ReturnType<typeof createUser>, text: string) =>
  Buffer.from(key.sign(new TextEncoder().encode(text))).toString("base64");

test("what any nkey has signed is its signature, and of nothing else and nobody else", () => {
  const texts = fc.string({ unit: "grapheme" }).filter((text) => text.isWellFormed());
  fc.assert(
    fc.property(texts, fc.boolean(), (text, isUser) => {
      const [key, other] = isUser ? [createUser(), createUser()] : [createAccount(), createUser()];
      const signature = signed(key, text);

      expect(verifySignature(key.getPublicKey(), text, signature)).toBe(true);
      expect(verifySignature(key.getPublicKey(), `${text}.`, signature)).toBe(false);
      expect(verifySignature(other.getPublicKey(), text, signature)).toBe(false);
    }),
    { numRuns: 20 },
  );
});

test("a seed, a mistyped key and no key at all are not taken for one", () => {
  const key = createUser();
  const mistyped = key.getPublicKey().replace(/.$/, (last) => (last === "A" ? "B" : "A"));

  for (const text of [new TextDecoder().decode(key.getSeed()), mistyped, "", "U"])
    expect(() => keyOfNkey(text)).toThrow(Error);
});
