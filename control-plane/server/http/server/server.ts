/** Opens the API's port, with TLS where a certificate is given, and closes it without cutting answers short. */
import { createServer as createHttpsServer, Server as HttpsServer } from "node:https";
import { once } from "node:events";
import type { IncomingMessage, Server } from "node:http";
import { serve } from "@hono/node-server";
import type { ApiApp } from "../deps.ts";
import { ListenError } from "./listen-error.ts";
import { boundSender, SENDER_BOUNDS } from "./slow-senders.ts";

const CLOSE_WITHIN_MS = 5_000;
const HEADERS_TIMEOUT_MS = 15_000;

export interface ListenOptions {
  host: string;
  /** 0 picks a free port. */
  port: number;
  tls: { key: string; certificate: string } | null;
}

export interface ApiServer {
  port: number;
  /** For connections from now on; open ones go on. @throws what Node throws of a pair that is none */
  presentCertificate(pair: { key: string; certificate: string }): void;
  /** Answers what is running for at most 5 s, then closes. */
  close(): Promise<void>;
}

/** @throws ListenError with one clear sentence when the port is taken or not allowed */
export async function openServer(app: ApiApp, { host, port, tls }: ListenOptions): Promise<ApiServer> {
  // Each request has its own bound (slow-senders.ts).
  const timeouts = { requestTimeout: 0, headersTimeout: HEADERS_TIMEOUT_MS };
  const server = serve({
    fetch: app.fetch,
    hostname: host,
    port,
    ...(tls === null
      ? { serverOptions: timeouts }
      : {
          createServer: createHttpsServer,
          serverOptions: { ...timeouts, key: tls.key, cert: tls.certificate },
        }),
  }) as Server;
  server.on("request", (request: IncomingMessage) => boundSender(request, SENDER_BOUNDS));
  try {
    if (!server.listening) await once(server, "listening");
  } catch (cause) {
    throw new ListenError(`cannot listen on ${host}:${port}: ${reasonOf(cause)}`, { cause });
  }
  const address = server.address();
  const opened = typeof address === "object" && address !== null ? address.port : port;
  return {
    port: opened,
    presentCertificate({ key, certificate: cert }) {
      if (server instanceof HttpsServer) server.setSecureContext({ key, cert });
    },
    close: () => close(server),
  };
}

function reasonOf(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "EADDRINUSE") return "the port is taken by another process";
  if (code === "EACCES") return "this user may not open that port";
  if (code === "EADDRNOTAVAIL") return "this machine does not have that address";
  return cause instanceof Error ? cause.message : String(cause);
}

async function close(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeIdleConnections();
  const impatient = setTimeout(() => server.closeAllConnections(), CLOSE_WITHIN_MS);
  await closed;
  clearTimeout(impatient);
}
