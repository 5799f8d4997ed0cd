/** Hashes and signatures in pure JavaScript, since a browser's own are missing on plain HTTP. */
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Cryptography } from "@remotegpu/control-plane/proof/chain-check";
import { keyOfPublicNkey } from "@remotegpu/shared/nkey-bytes";

const encoder = new TextEncoder();

export const BROWSER: Cryptography = {
  sha256: (text) => bytesToHex(sha256(encoder.encode(text))),
  verifySignature(nkey, text, signature) {
    try {
      const bytes = Uint8Array.from(atob(signature), (letter) => letter.charCodeAt(0));
      // As strictly as OpenSSL does.
      return ed25519.verify(bytes, encoder.encode(text), keyOfPublicNkey(nkey), { zip215: false });
    } catch {
      // A malformed key or signature is thrown and is simply not a proof.
      return false;
    }
  },
};
