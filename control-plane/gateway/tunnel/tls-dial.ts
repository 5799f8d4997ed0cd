/**
 * A TLS connection to a host's access process, past its handshake and within a bound; to whichever address answers.
 * Nothing else connects to a host. What a name leads to is checked, and that very address is the one connected to.
 */
import { lookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { connect, type SecureContext, type TLSSocket } from "node:tls";

import { whyNeverDialled } from "../../server/core/hosts/host-address.ts";
import { inEnglish } from "../../server/core/reasons/english/english.ts";
import { type GivenReason, reasonOf } from "../../server/core/reasons/plain-reason.ts";
import { asReported, type Reason } from "../../server/core/reasons/reason.ts";
import { ownMachine } from "../../server/store/hosts/own-network.ts";

const DIAL_WITHIN_MS = 5_000;
const KEEPALIVE_AFTER_MS = 30_000;

export interface DialOptions {
  /** Confirmed ones, and names that an administrator gave. */
  addresses: readonly string[];
  /** The host's own: its loopback and its addresses are ours. */
  isOnThisMachine: boolean;
  port: number;
  secureContext: SecureContext;
  /** Has to stand in the certificate of who answers. */
  name: string;
  /** The TLS session of an earlier connection, which spares most of the handshake. */
  session: Buffer | null;
  /** By ALPN, the first one best; none: whatever the host speaks first. */
  protocols?: string[];
}

export type Dialled = { socket: TLSSocket; address: string };

/** The first that answers; the others are given up. Rejects with what the first address said. */
export async function dialTls({ addresses, ...options }: DialOptions): Promise<Dialled> {
  const { isOnThisMachine } = options;
  const refused = (address: string) =>
    isIP(address) === 0 ? null : whyNeverDialled(address, { isOnThisMachine }, ownMachine());
  const allowed = addresses.filter((address) => refused(address) === null);
  if (allowed.length === 0) throw refusedAddress(refused(addresses[0] ?? "") ?? reasonOf("address-not-ip"));
  const dials = allowed.map((address) => dialOne(address, options));
  try {
    const first = await Promise.any(dials.map(({ done }) => done));
    for (const { socket } of dials) if (socket !== first.socket) socket.destroy();
    return first;
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
}

function dialOne(
  address: string,
  { port, isOnThisMachine, secureContext, name, session, protocols }: Omit<DialOptions, "addresses">,
): { socket: TLSSocket; done: Promise<Dialled> } {
  const options = {
    host: address,
    lookup: lookupFor(isOnThisMachine),
    port,
    secureContext,
    servername: name,
    // Else its half-close would end the way there as well. The types do not know that it is taken here, too.
    allowHalfOpen: true,
    ...(session !== null && { session }),
    ...(protocols !== undefined && { ALPNProtocols: protocols }),
  };
  const socket = connect(options);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEPALIVE_AFTER_MS);
  const { promise, resolve, reject } = Promise.withResolvers<Dialled>();
  const timer = setTimeout(() => socket.destroy(new DialError("tunnel-answer-late")), DIAL_WITHIN_MS);
  socket.once("secureConnect", () => resolve({ socket, address }));
  socket.on("error", reject);
  socket.once("close", () => reject(new DialError("tunnel-connection-closed")));
  const done = promise.finally(() => clearTimeout(timer));
  // Of those that were given up nobody asks.
  done.catch(() => undefined);
  return { socket, done };
}

/** No host is there, whatever anybody said. */
function refusedAddress(why: Reason): DialError {
  return new DialError({ code: "tunnel-address-refused", params: { why } });
}

/** The message is the text of `why`. */
class DialError extends Error {
  override readonly name = "DialError";
  readonly why: Reason;

  constructor(given: GivenReason) {
    const why = reasonOf(given);
    super(inEnglish(why));
    this.why = why;
  }
}

/**
 * The lookup of names; addresses are not resolved. One that is refused refuses all: the name is not one of a host
 * alone.
 */
function lookupFor(isOnThisMachine: boolean): LookupFunction {
  return (name, options, done) => {
    lookup(name, { all: true }, (error, found) => {
      const refusal = (error === null ? found : [])
        .map(({ address }) => whyNeverDialled(address, { isOnThisMachine }, ownMachine()))
        .find((why) => why !== null);
      const failure = error ?? (refusal === undefined ? null : refusedAddress(refusal));
      const [first] = found ?? [];
      if (options.all === true) done(failure, found ?? []);
      else done(failure, first?.address ?? "", first?.family);
    });
  };
}

/** For people, without addresses: those of hosts are not everybody's business. */
export function dialReason(error: unknown): Reason {
  if (error instanceof DialError) return error.why;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  switch (code) {
    case "ECONNREFUSED":
      return reasonOf("tunnel-port-closed");
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return reasonOf("tunnel-network-unreachable");
    case "ECONNRESET":
      return reasonOf("tunnel-connection-reset");
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return reasonOf("tunnel-certificate-other");
    default:
      return code === "" && error instanceof Error
        ? asReported(error.message)
        : { code: "tunnel-connection-failed", params: { error_code: code } };
  }
}
