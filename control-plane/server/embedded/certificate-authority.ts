/**
 * A small certificate authority in the state folder, for a control plane that listens beyond loopback: one CA and
 * one server certificate, used by NATS and the API alike. The join command pins the CA by its fingerprint, so the
 * server sends its CA along in the chain.
 */
// The certificate library's injector refuses to load without it.
import "reflect-metadata";
import { createHash, randomBytes, X509Certificate, webcrypto } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  X509Certificate as Certificate,
} from "@peculiar/x509";
import { MS_PER_DAY, MS_PER_HOUR } from "@remotegpu/shared/values/units";

const CA_DAYS = 3_650;
const SERVER_DAYS = 365;
/** A server certificate with less than this left is made anew at the next start. */
const RENEW_DAYS = 60;
/** Hosts whose clocks are behind should accept a fresh certificate. */
const BACKDATED_MS = MS_PER_HOUR;

const KEY = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

export interface ServerCertificate {
  /** PEM of the CA, for those who verify us. */
  ca: string;
  /** Hex SHA-256 of the CA certificate's DER: what the join command pins. */
  caSha256: string;
  /** PEM: the server's certificate and then the CA. */
  certFile: string;
  keyFile: string;
}

/** The control plane reaches its own NATS by these. */
const OWN_ADDRESSES = ["localhost", "127.0.0.1", "::1"];

/** The server certificate for these host names and addresses; made on the first call and when it must change. */
export async function serverCertificate(
  stateDir: string,
  { addresses: given, now }: { addresses: string[]; now: Date },
): Promise<ServerCertificate> {
  const addresses = [...new Set([...OWN_ADDRESSES, ...given])];
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const files = {
    ca: join(stateDir, "ca.pem"),
    caKey: join(stateDir, "ca-key.pem"),
    cert: join(stateDir, "server.pem"),
    key: join(stateDir, "server-key.pem"),
  };
  if (!existsSync(files.ca)) await makeAuthority(files, now);
  const ca = readFileSync(files.ca, "utf8");
  if (!isGoodFor(files, addresses, now)) await makeServerCertificate(files, addresses, now);
  return {
    ca,
    caSha256: createHash("sha256").update(new X509Certificate(ca).raw).digest("hex"),
    certFile: files.cert,
    keyFile: files.key,
  };
}

interface Files {
  ca: string;
  caKey: string;
  cert: string;
  key: string;
}

async function makeAuthority(files: Files, now: Date): Promise<void> {
  const keys = await webcrypto.subtle.generateKey(KEY, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: `CN=RemoteGPU CA ${randomBytes(4).toString("hex")}`,
      serialNumber: serialNumber(),
      keys,
      signingAlgorithm: KEY,
      ...validity(now, CA_DAYS),
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ],
    },
    webcrypto,
  );
  await writeKey(files.caKey, keys.privateKey);
  writeWhole(files.ca, `${certificate.toString("pem")}\n`, 0o644);
}

async function makeServerCertificate(files: Files, addresses: string[], now: Date): Promise<void> {
  const ca = readFileSync(files.ca, "utf8");
  const keys = await webcrypto.subtle.generateKey(KEY, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.create(
    {
      subject: "CN=RemoteGPU control plane",
      issuer: new Certificate(ca).subject,
      serialNumber: serialNumber(),
      publicKey: keys.publicKey,
      signingKey: await readKey(files.caKey),
      signingAlgorithm: KEY,
      ...validity(now, SERVER_DAYS),
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension(
          addresses.map((value) => ({ type: isIP(value) === 0 ? ("dns" as const) : ("ip" as const), value })),
        ),
      ],
    },
    webcrypto,
  );
  await writeKey(files.key, keys.privateKey);
  writeWhole(files.cert, `${certificate.toString("pem")}\n${ca}`, 0o644);
}

function isGoodFor(files: Files, addresses: string[], now: Date): boolean {
  if (!existsSync(files.cert) || !existsSync(files.key)) return false;
  const certificate = new X509Certificate(readFileSync(files.cert));
  const isFresh = certificate.validToDate.getTime() - now.getTime() > RENEW_DAYS * MS_PER_DAY;
  const isOurs = certificate.checkIssued(new X509Certificate(readFileSync(files.ca)));
  return (
    isFresh &&
    isOurs &&
    addresses.every((address) =>
      isIP(address) === 0 ? certificate.checkHost(address) : certificate.checkIP(address),
    )
  );
}

function validity(now: Date, days: number): { notBefore: Date; notAfter: Date } {
  return {
    notBefore: new Date(now.getTime() - BACKDATED_MS),
    notAfter: new Date(now.getTime() + days * MS_PER_DAY),
  };
}

/** Positive and unguessable. */
const serialNumber = () => `01${randomBytes(15).toString("hex")}`;

async function writeKey(file: string, key: webcrypto.CryptoKey): Promise<void> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key)).toString("base64");
  const lines = der.match(/.{1,64}/g) ?? [];
  writeWhole(
    file,
    ["-----BEGIN PRIVATE KEY-----", ...lines, "-----END PRIVATE KEY-----", ""].join("\n"),
    0o600,
  );
}

function readKey(file: string): Promise<webcrypto.CryptoKey> {
  const base64 = readFileSync(file, "utf8").replaceAll(/-----[A-Z ]+-----|\s/g, "");
  return webcrypto.subtle.importKey("pkcs8", Buffer.from(base64, "base64"), KEY, false, ["sign"]);
}

/** A file is there whole or not at all, whatever stops us in between. */
function writeWhole(file: string, text: string, mode: number): void {
  writeFileSync(`${file}.new`, text, { mode });
  renameSync(`${file}.new`, file);
}
