/** Hashes and signatures in pure JavaScript, since a browser's own are missing on plain HTTP. */
import { hashes, verify } from "@noble/ed25519";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Cryptography } from "@remotegpu/control-plane/server/proof/chain-check";
import { keyOfPublicNkey } from "@remotegpu/shared/proof/nkey-bytes";

const encoder = new TextEncoder();
hashes.sha512 = sha512;

export const BROWSER: Cryptography = {
  sha256: (text) => bytesToHex(sha256(encoder.encode(text))),
  verifySignature(nkey, text, signature) {
    try {
      const bytes = Uint8Array.from(atob(signature), (letter) => letter.charCodeAt(0));
      // As strictly as OpenSSL does.
      return verify(bytes, encoder.encode(text), keyOfPublicNkey(nkey), { zip215: false });
    } catch {
      // A malformed key or signature is thrown and is simply not a proof.
      return false;
    }
  },
};
