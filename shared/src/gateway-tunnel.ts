/**
 * What gateways and hosts agree on within the tunnel, whichever of them has dialled: `CONNECT <instance>:<port>`, by
 * HTTP/1.1 on a connection of its own, or by HTTP/2 on one that carries many, as where the host has dialled.
 */
import { MIB } from "./units.ts";

/** By ALPN: a connection for many streams, or for one. */
export const TUNNEL_SHARED = "h2";
export const TUNNEL_ALONE = "http/1.1";
/** Names the client that a gateway brings to an SSH server; only gateways may say it. */
export const TUNNEL_CLIENT_HEADER = "remotegpu-client";
/** Of one stream, each way: so much of it waits for a reader that reads no more, and so much is under way on a long line. */
export const TUNNEL_STREAM_WINDOW = MIB;
/** Of all streams of a connection; those that nobody reads take nothing from the others. */
export const TUNNEL_WINDOW = 64 * MIB;
export const MAX_TUNNEL_STREAMS = 1024;
/** For Node: beyond it a session opens no stream more. */
export const TUNNEL_MEMORY_MIB = 512;
/** Each side asks the other whether it is there, and gives it up after so long without a byte. */
export const TUNNEL_PING_EVERY_MS = 10_000;
export const TUNNEL_SILENT_AFTER_MS = 30_000;
