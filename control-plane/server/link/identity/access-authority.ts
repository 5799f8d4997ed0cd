/**
 * The authority behind the TLS ports of access processes: it certifies each host's own key, and the gateways of the
 * control plane that may connect there. Its key follows from the operator's, so every replica has the same one and
 * there is nothing to keep; apart from the authority of the API, which an operator may replace by a public one.
 */
// The certificate library's injector refuses to load without it.
import "reflect-metadata";
import { generateKeyPairSync, randomBytes, webcrypto } from "node:crypto";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { derivedKey } from "@remotegpu/shared/proof/derived-key";
import type { HostId } from "@remotegpu/shared/values/ids";
import { accessName, GATEWAY_NAME, type AccessCertificate } from "@remotegpu/shared/messages/joining";
import { MS_PER_DAY, MS_PER_HOUR } from "@remotegpu/shared/values/units";
import type { Operator } from "../servers/operator.ts";

const ED25519 = { name: "Ed25519" } as const;
const NAME = "CN=RemoteGPU access";
/** The same bytes from every replica, so nothing in it may depend on when or where it was made. */
const AUTHORITY = { serialNumber: "01", notBefore: new Date(0), notAfter: new Date("2100-01-01T00:00:00Z") };
/** A host renews with each credential, that is every other day, and may be away for long. */
const HOST_DAYS = 400;
const GATEWAY_DAYS = 2;

export interface GatewayCredential {
  /** PEM. */
  key: string;
  certificate: string;
  ca: string;
}

export class AccessAuthority {
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly ca: string;

  private constructor(keys: webcrypto.CryptoKeyPair, ca: string) {
    this.#keys = keys;
    this.ca = ca;
  }

  static async of(operator: Pick<Operator, "key">): Promise<AccessAuthority> {
    const { privateKey, publicKey } = derivedKey(operator.key.getSeed(), "remotegpu access authority");
    const keys = {
      privateKey: await webcrypto.subtle.importKey("pkcs8", privateKey, ED25519, false, ["sign"]),
      publicKey: await publicKeyOf(publicKey),
    };
    const certificate = await X509CertificateGenerator.createSelfSigned(
      {
        ...AUTHORITY,
        name: NAME,
        keys,
        signingAlgorithm: ED25519,
        extensions: [
          new BasicConstraintsExtension(true, 0, true),
          new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
        ],
      },
      webcrypto,
    );
    return new AccessAuthority(keys, certificate.toString("pem"));
  }

  /** @param key base64 of the DER of the host's public key (joining.ts) */
  async certifyHost(hostId: HostId, key: string, now: Date): Promise<AccessCertificate> {
    const publicKey = await publicKeyOf(Buffer.from(key, "base64"));
    const name = accessName(hostId);
    return {
      certificate: await this.#certify({ publicKey, name, days: HOST_DAYS, now }),
      ca: this.ca,
    };
  }

  /** A fresh key for a gateway of this process, good for GATEWAY_DAYS. */
  async gateway(now: Date): Promise<GatewayCredential> {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519", {
      privateKeyEncoding: { format: "pem", type: "pkcs8" },
      publicKeyEncoding: { format: "der", type: "spki" },
    });
    const certificate = await this.#certify({
      publicKey: await publicKeyOf(publicKey),
      name: GATEWAY_NAME,
      days: GATEWAY_DAYS,
      now,
    });
    return { key: privateKey, certificate, ca: this.ca };
  }

  async #certify(claim: {
    publicKey: webcrypto.CryptoKey;
    name: string;
    days: number;
    now: Date;
  }): Promise<string> {
    const certificate = await X509CertificateGenerator.create(
      {
        subject: `CN=${claim.name}`,
        issuer: NAME,
        // Positive and unguessable.
        serialNumber: `01${randomBytes(15).toString("hex")}`,
        publicKey: claim.publicKey,
        signingKey: this.#keys.privateKey,
        signingAlgorithm: ED25519,
        notBefore: new Date(claim.now.getTime() - MS_PER_HOUR),
        notAfter: new Date(claim.now.getTime() + claim.days * MS_PER_DAY),
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          // Whichever of the two dials: a host dials a gateway that cannot reach it.
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
          new SubjectAlternativeNameExtension([{ type: "dns", value: claim.name }]),
        ],
      },
      webcrypto,
    );
    return certificate.toString("pem");
  }
}

function publicKeyOf(der: Buffer): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey("spki", der, ED25519, true, ["verify"]);
}
