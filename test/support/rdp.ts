/** The beginning of a client's connection by RDP, as far as TLS: what it asks, and what a real server says to that. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

const TLS = 1;
/** X.224: a connection request in a TPKT, with a negotiation request for TLS alone (MS-RDPBCGR 2.2.1.1). */
const REQUEST = Buffer.from([3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, TLS, 0, 0, 0]);
const CONFIRM = 0xd0;
const ANSWER_BYTES = 19;
const WITHIN_MS = 30_000;

export interface Handshake {
  /** Whether the server confirmed, and chose TLS. */
  isTls: boolean;
  /** Of the certificate that it shows then. */
  fingerprint: string;
}

/** Rejects where nobody answers, or not so. */
export async function rdpHandshake(port: number, host = "127.0.0.1"): Promise<Handshake> {
  const socket = connect(port, host);
  const late = setTimeout(() => socket.destroy(new Error("no answer in time")), WITHIN_MS);
  try {
    await once(socket, "connect");
    socket.write(REQUEST);
    const answer = await exactly(socket, ANSWER_BYTES);
    // A negotiation response, and in it the protocol that was chosen.
    const isTls = answer[5] === CONFIRM && answer[11] === 2 && answer[15] === TLS;
    if (!isTls) return { isTls, fingerprint: "" };
    const secured = connectTls({ socket, rejectUnauthorized: false });
    await once(secured, "secureConnect");
    return { isTls, fingerprint: secured.getPeerCertificate().fingerprint256 };
  } finally {
    clearTimeout(late);
    socket.destroy();
  }
}

async function exactly(socket: Socket, bytes: number): Promise<Buffer> {
  const ended = once(socket, "end").then(() => {
    throw new Error("the connection was ended before the answer");
  });
  for (;;) {
    const read = socket.read(bytes) as Buffer | null;
    if (read !== null) return read;
    await Promise.race([once(socket, "readable"), ended]);
  }
}
