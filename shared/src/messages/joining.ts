/** The HTTPS messages by which a host joins and renews its credential (API.md: /hosts/join, /hosts/{id}/credential). */
import { z } from "zod";
import { HostId, PublicNkey } from "../values/ids.ts";
import { MachineReport } from "./host-report.ts";
import { displayText } from "../values/text.ts";

export const JOIN_TOKEN_MINUTES = 15;
export const CREDENTIAL_HOURS = 72;

/** The text a host signs to prove that it holds the key; binds the proof to one token or one renewal moment. */
export const joinProofText = (token: string, nkey: string) => `remotegpu join ${token} ${nkey}`;
export const renewalProofText = (host: string, nkey: string, challenge: string) =>
  `remotegpu renew ${host} ${nkey} ${challenge}`;

/** The names in the certificates of a host's TLS port for gateways, and of a gateway. */
export const accessName = (host: string) => `${host}.access.remotegpu.internal`;
export const GATEWAY_NAME = "gateway.remotegpu.internal";
const ACCESS_NAME = /^([^.]+)\.access\.remotegpu\.internal$/;

/** Null: it is no host's. */
export function hostOfAccessName(name: string): HostId | null {
  const host = HostId.safeParse(ACCESS_NAME.exec(name)?.[1]);
  return host.success ? host.data : null;
}

export const accessKeyProofText = (nkey: string, key: string) => `remotegpu access ${nkey} ${key}`;

/** The host's own key for that port, for which it wants a certificate. */
export const AccessKeyClaim = z.object({
  /** Base64 of the DER of an Ed25519 public key (SubjectPublicKeyInfo, RFC 8410). */
  key: z
    .string()
    .regex(/^MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=$/)
    .meta({
      description: "Its public key",
      example: "MCowBQYDK2VwAyEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    }),
  /** Base64 signature of accessKeyProofText by the nkey. */
  proof: z.string().max(128).meta({
    description: "That key's signature, in base64",
    example: "c2lnbmF0dXJl",
  }),
});
export type AccessKeyClaim = z.infer<typeof AccessKeyClaim>;

export const AccessCertificate = z.object({
  /** PEM. */
  certificate: z.string().max(16_384).meta({
    description: "PEM of its certificate",
    example: "-----BEGIN CERTIFICATE-----",
  }),
  /** PEM of the authority that certifies gateways. */
  ca: z.string().max(16_384),
});
export type AccessCertificate = z.infer<typeof AccessCertificate>;

export const JoinRequest = z.object({
  token: z.string().max(200).meta({ description: "The token of an administrator", example: "rgj_0Xw3bQ2n" }),
  nkey: PublicNkey,
  /** Base64 signature of joinProofText. */
  proof: z.string().max(128).meta({
    description: "The key's signature of the token, in base64",
    example: "c2lnbmF0dXJl",
  }),
  name: displayText(128).meta({ description: "What the host is called", example: "gpu-07" }),
  /** What it runs containers with, and what its canary found, is reported once it has joined. */
  machine: MachineReport.omit({ canary: true, drill: true, versions: true }).describe("What the host is"),
  access: AccessKeyClaim.optional(),
});
export type JoinRequest = z.infer<typeof JoinRequest>;

export const CredentialGrant = z.object({
  host_id: HostId,
  jwt: z.string().max(16_384).meta({
    description: "The host's credential for NATS",
    example: "eyJ0eXAiOiJKV1QifQ.e30.c2ln",
  }),
  expires_at: z.iso.datetime(),
  nats_urls: z
    .array(z.string().max(512))
    .min(1)
    .meta({
      description: "Where NATS is",
      example: ["tls://nats.example.com:4222"],
    }),
  /** PEM of the CA that NATS and the API use, or null where they use plain loopback or a public CA. */
  ca: z.string().max(65_536).nullable(),
  /** Where the host asked for it. */
  access: AccessCertificate.optional(),
});
export type CredentialGrant = z.infer<typeof CredentialGrant>;

/** Without a signature: asks for a challenge. With one: answers it. */
export const RenewalRequest = z.object({
  nkey: PublicNkey,
  challenge: z.string().max(200).optional().meta({
    description: "The challenge that is answered; without it one is given",
    example: "bm9uY2U",
  }),
  signature: z.string().max(128).optional().meta({
    description: "The key's signature of the challenge, in base64",
    example: "c2lnbmF0dXJl",
  }),
  access: AccessKeyClaim.optional(),
});
export type RenewalRequest = z.infer<typeof RenewalRequest>;

/**
 * The host was taken out of the fleet, for good. Only a host that has signed its challenge is told so: it ends what it
 * runs on this word.
 */
export const HostRemoved = z.object({
  removed_at: z.iso.datetime().describe("When the host was taken out of the fleet"),
});

export const RenewalAnswer = z.union([
  z.object({ challenge: z.string().max(200) }),
  HostRemoved,
  CredentialGrant,
]);
