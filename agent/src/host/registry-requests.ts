/**
 * One request to a registry, or to where it leads, at an address that was looked at before: the name is not resolved again,
 * and no redirect is followed.
 */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { boundedBody } from "@remotegpu/shared/bounded-body";

export interface RegistryRequest {
  readonly url: URL;
  /** Of the URL's host: the connection goes there. */
  readonly address: string;
  readonly method: "GET" | "HEAD";
  readonly headers: Readonly<Record<string, string>>;
  /** More of a body is not read; 0: none of it is. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface RegistryAnswer {
  readonly status: number;
  readonly location: string | null;
  readonly challenge: string | null;
  /** Empty where none was asked for. */
  readonly body: Uint8Array;
}

/** @throws Error where nothing answers there, TLS does not hold, or the body goes beyond its bound */
export async function requestRegistry(request: RegistryRequest): Promise<RegistryAnswer> {
  const answer = await begun(request);
  try {
    const { statusCode: status = 0, headers } = answer;
    const wantsBody = request.maxBytes > 0 && status >= 200 && status < 300;
    const body = wantsBody ? await boundedBody(answer, request) : new Uint8Array();
    return {
      status,
      location: headers.location ?? null,
      challenge: headers["www-authenticate"] ?? null,
      body,
    };
  } finally {
    answer.destroy();
  }
}

function begun({ url, address, method, headers, signal }: RegistryRequest): Promise<IncomingMessage> {
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    // A connection for each: none is left over from a time when the name led elsewhere.
    const sent = send(url, { method, headers, signal, agent: false, lookup: lookupOf(address) }, (answer) => {
      // What becomes of a body that nobody reads is nobody's affair.
      answer.on("error", () => undefined);
      resolve(answer);
    });
    sent.once("error", reject);
    sent.end();
  });
}

/** Answers what was looked at, whatever the name leads to by now. */
function lookupOf(address: string): LookupFunction {
  const found = { address, family: isIP(address) };
  return (_name, options, done) => {
    if (options.all === true) done(null, [found]);
    else done(null, found.address, found.family);
  };
}
