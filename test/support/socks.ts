/** A client of a SOCKS proxy (RFC 1928), as programs are that are told to use `ssh -D`. */
import { connect } from "node:net";

const WITHIN_MS = 3_000;
const ANY_METHOD = Buffer.from([5, 1, 0]);
const REPLY_BYTES = 10;

/**
 * The first that somebody at this address says, after a question that makes most services say something; empty where nobody
 * does within three seconds, or the proxy refuses. ssh's proxy calls each connection made before it is.
 */
export async function greetingThrough(
  proxyPort: number,
  to: { host: string; port: number },
): Promise<string> {
  const socket = connect(proxyPort, "127.0.0.1");
  const output = Promise.withResolvers<string>();
  const timer = setTimeout(() => output.resolve(""), WITHIN_MS);
  let got = Buffer.alloc(0);
  let step: "method" | "connect" | "open" = "method";
  socket.on("error", () => output.resolve("")).on("close", () => output.resolve(""));
  socket.on("data", (bytes: Buffer) => {
    got = Buffer.concat([got, bytes]);
    if (step === "method" && got.length >= 2) {
      step = "connect";
      got = got.subarray(2);
      socket.write(connectTo(to));
    }
    if (step === "connect" && got.length >= REPLY_BYTES) {
      if (got[1] !== 0) return output.resolve("");
      step = "open";
      got = got.subarray(REPLY_BYTES);
      socket.write("GET / HTTP/1.0\r\n\r\n");
    }
    if (step === "open" && got.length > 0) output.resolve(got.toString("latin1"));
  });
  socket.write(ANY_METHOD);
  try {
    return await output.promise;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** By name, which the far end resolves; an address is a name, too. */
function connectTo({ host, port }: { host: string; port: number }): Buffer {
  const name = Buffer.from(host);
  return Buffer.concat([Buffer.from([5, 1, 0, 3, name.length]), name, Buffer.from([port >> 8, port & 0xff])]);
}
