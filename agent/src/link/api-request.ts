/**
 * The two HTTPS requests an agent ever makes go through here: joining and renewal. Without TLS they are refused
 * except on loopback, since a join token travels in the body.
 */
import { createHash } from "node:crypto";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect, type DetailedPeerCertificate } from "node:tls";
import { z } from "zod";
import { KIB } from "@remotegpu/shared/values/units";
import { isLoopback } from "./loopback.ts";

const ANSWER_WITHIN_MS = 15_000;
const MAX_ANSWER_BYTES = 256 * KIB;

/** The control plane's API does not answer, or answers nonsense. */
export class ApiUnreachableError extends Error {
  override name = "ApiUnreachableError";
}

export interface ApiAnswer {
  status: number;
  body: unknown;
}

const Problem = z.object({ title: z.string().optional(), detail: z.string().optional() });

/** What a problem document says, for a person. */
export function problemText({ status, body }: ApiAnswer): string {
  const problem = Problem.safeParse(body);
  return problem.data?.detail ?? problem.data?.title ?? `status ${status}`;
}

/**
 * POSTs JSON and reads JSON. `ca` is the PEM that signs the API's certificate, or null for the public ones.
 * @throws ApiUnreachableError
 */
export async function postJson(url: URL, body: unknown, ca: string | null): Promise<ApiAnswer> {
  if (url.protocol !== "https:" && !isLoopback(url.hostname)) {
    throw new ApiUnreachableError(`${url.origin} is not https, which is allowed on loopback only`);
  }
  try {
    const { status, text } = await exchange(url, JSON.stringify(body), ca);
    return { status, body: JSON.parse(text) };
  } catch (cause) {
    throw new ApiUnreachableError(`${url.origin} does not answer: ${reasonOf(cause)}`, { cause });
  }
}

function exchange(url: URL, body: string, ca: string | null): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const options = {
      method: "POST",
      headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) },
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      ...(ca === null ? {} : { ca }),
    };
    const request = (url.protocol === "https:" ? httpsRequest : httpRequest)(url, options, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.byteLength;
        if (bytes > MAX_ANSWER_BYTES) request.destroy(new Error("the answer is too long"));
      });
      response.on("error", reject);
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") });
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

/**
 * Asks the API for its certificate chain and returns the PEM of the CA whose fingerprint (hex SHA-256) was pinned.
 * Nothing is sent before that.
 * @throws ApiUnreachableError when the chain holds no such certificate
 */
export async function fetchPinnedCa(url: URL, sha256: string): Promise<string> {
  const wanted = sha256.replaceAll(":", "").toLowerCase();
  for (const der of await chainOf(url)) {
    if (createHash("sha256").update(der).digest("hex") === wanted) return pemOf(der);
  }
  throw new ApiUnreachableError(`${url.origin} does not show the certificate authority that was pinned`);
}

function chainOf(url: URL): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) =>
      reject(new ApiUnreachableError(`${url.origin} does not answer: ${reasonOf(cause)}`, { cause }));
    const host = url.hostname.replaceAll(/[[\]]/g, "");
    // Unverified on purpose: the fingerprint is what is verified, and nothing is said on this connection.
    const socket = connect({ host, port: Number(url.port || 443), rejectUnauthorized: false });
    socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy(new Error("no answer in time")));
    socket.once("error", fail);
    socket.once("secureConnect", () => {
      resolve(certificatesOf(socket.getPeerCertificate(true)));
      socket.destroy();
    });
  });
}

/** The chain's end names itself as its issuer. */
function certificatesOf(leaf: DetailedPeerCertificate): Buffer[] {
  const chain: Buffer[] = [];
  const seen = new Set<string>();
  for (let at: DetailedPeerCertificate | undefined = leaf; at?.raw && !seen.has(at.fingerprint256);) {
    seen.add(at.fingerprint256);
    chain.push(at.raw);
    at = at.issuerCertificate;
  }
  return chain;
}

function pemOf(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
