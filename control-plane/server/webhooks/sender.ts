/**
 * One try to hand a message to a webhook: signed, to an address that was looked up and found public just before and is
 * the one that is connected to, without following redirects, within a deadline. Writes nothing down.
 */
import { createHmac } from "node:crypto";
import { Resolver } from "node:dns/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import type { TryOutcome } from "../core/alerts/webhook-tries.ts";
import { isLoopbackAddress, isPublicAddress } from "@remotegpu/shared/values/public-address";
import { receiverUrl } from "./receiver-url.ts";
import { inEnglish } from "../core/reasons/english/english.ts";
import { reasonOf } from "../core/reasons/plain-reason.ts";

const DEADLINE_MS = 10_000;
const MAX_ANSWER_BYTES = 1024;
const MAX_ERROR_LENGTH = 300;
const RESOLVE = { timeout: 3_000, tries: 2 };

export interface WebhookMessage {
  readonly deliveryId: number;
  readonly url: string;
  readonly secret: string;
  readonly body: string;
}

export interface SenderOptions {
  readonly allowLoopback: boolean;
  readonly now: () => Date;
  /** Ends the try. */
  readonly signal: AbortSignal;
  readonly deadlineMs?: number;
  /** All addresses of a name. */
  readonly resolve?: (name: string) => Promise<string[]>;
}

/** Resolves with what came of it, whatever that is. Only an answer of 2xx counts as delivered. */
export async function sendToWebhook(message: WebhookMessage, options: SenderOptions): Promise<TryOutcome> {
  const { deadlineMs = DEADLINE_MS } = options;
  const deadline = AbortSignal.timeout(deadlineMs);
  const signal = AbortSignal.any([options.signal, deadline]);
  try {
    const target = receiverUrl(message.url, options);
    if (!target.valid) return failed(`the URL ${inEnglish(reasonOf(target.why))}`);
    const addresses = await unlessEnded(signal, addressesOf(target.host, options));
    const refused = addresses.find((address) => !isAllowed(address, options));
    if (addresses.length === 0) return failed(`${target.host} has no address`);
    if (refused !== undefined)
      return failed(`${target.host} leads to ${refused}, which is not a public address`);
    return await post(target.url, message, { addresses, signal, now: options.now() });
  } catch (error) {
    if (deadline.aborted) return failed(`no answer within ${deadlineMs / 1000} s`);
    return failed(errorText(error));
  }
}

function isAllowed(address: string, { allowLoopback }: SenderOptions): boolean {
  return isPublicAddress(address) || (allowLoopback && isLoopbackAddress(address));
}

async function addressesOf(host: string, { resolve = resolveName }: SenderOptions): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  return host === "localhost" ? ["127.0.0.1"] : await resolve(host);
}

/** From name servers alone: the machine's own list of hosts is not for customers, and its look-up blocks threads. */
async function resolveName(name: string): Promise<string[]> {
  const resolver = new Resolver(RESOLVE);
  const found = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  return found.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
}

function post(
  url: URL,
  message: WebhookMessage,
  { addresses, signal, now }: { addresses: readonly string[]; signal: AbortSignal; now: Date },
): Promise<TryOutcome> {
  const request = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: "POST",
      // A connection for each message: none is left over from a time when the name led elsewhere.
      agent: false,
      lookup: lookupOf(addresses),
      signal,
      headers: {
        "Content-Type": "application/json",
        "Content-Length": Buffer.byteLength(message.body),
        "User-Agent": "RemoteGPU-Webhook/1",
        ...signedHeaders(message, now),
      },
    });
    // From here on the outcome is the status, so an error that comes later changes nothing.
    sent.once("response", (response) => {
      resolve(beginningOf(response).then((answer) => outcomeOf(response.statusCode ?? 0, answer)));
    });
    sent.once("error", reject);
    sent.end(message.body);
  });
}

/** `RemoteGPU-Signature` is v1= and the HMAC-SHA256, in hex, of the timestamp, a dot and the body. */
function signedHeaders({ deliveryId, secret, body }: WebhookMessage, now: Date): Record<string, string> {
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const signature = createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex");
  return {
    "RemoteGPU-Delivery": String(deliveryId),
    "RemoteGPU-Timestamp": timestamp,
    "RemoteGPU-Signature": `v1=${signature}`,
  };
}

/** Answers what was checked, whatever the name leads to by now. */
function lookupOf(addresses: readonly string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_name, options, done) => {
    const [first] = found;
    if (options.all === true) done(null, found);
    else done(null, first?.address ?? "", first?.family ?? 4);
  };
}

/** As much of the answer as is shown; the rest is not waited for. It may break off. */
async function beginningOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= MAX_ANSWER_BYTES) break;
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
  const text = new TextDecoder().decode(Buffer.concat(chunks).subarray(0, MAX_ANSWER_BYTES));
  return text.replaceAll("\0", "");
}

function outcomeOf(status: number, answer: string): TryOutcome {
  if (status >= 200 && status < 300) return { delivered: true, status, error: null, answer };
  const why = status >= 300 && status < 400 ? "redirects are not followed" : "the receiver refused it";
  return { delivered: false, status, error: `${why} (${status})`, answer };
}

/** Where several addresses were tried, each has its own reason, and the error as a whole only a code. */
function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message === "" && "code" in error ? String(error.code) : error.message;
}

function failed(error: string): TryOutcome {
  const text = error.slice(0, MAX_ERROR_LENGTH).replaceAll("\0", "").toWellFormed();
  return { delivered: false, status: null, error: text, answer: null };
}

async function unlessEnded<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const ended = new Promise<never>((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(new Error("ended")), { once: true });
  });
  return await Promise.race([work, ended]);
}
