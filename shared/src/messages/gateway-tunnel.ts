/**
 * What gateways and hosts agree on within the tunnel, whichever of them has dialled: `CONNECT <instance>:<port>`, by
 * HTTP/1.1 on a connection of its own, or by HTTP/2 on one that carries many, as where the host has dialled.
 */
import { MIB } from "../values/units.ts";

/** By ALPN: a connection for many streams, or for one. */
export const TUNNEL_SHARED = "h2";
export const TUNNEL_ALONE = "http/1.1";
/** Names the client that a gateway brings to an SSH server; only gateways may say it. */
export const TUNNEL_CLIENT_HEADER = "remotegpu-client";
/**
 * By HTTP/2 a gateway that sends it, whatever it says, is told by a trailer of that name that a container broke off: after all
 * that it had said, which a reset would take away.
 */
export const TUNNEL_BREAK_HEADER = "remotegpu-break";
/**
 * The window of one stream, each direction: so much of it waits for a reader that reads no more, and so much is pending
 * on a long line.
 */
export const TUNNEL_STREAM_WINDOW = MIB;
/** The window of all streams of a connection; those that nobody reads take nothing from the others. */
export const TUNNEL_WINDOW = 64 * MIB;
export const MAX_TUNNEL_STREAMS = 1024;
/**
 * For Node, which takes for an attack, and ends a connection after a thousand of them, streams that one side left, where that is
 * what clients do, and frames without anything, where it sends one itself before each trailer. Only gateways and hosts come
 * this far.
 */
export const TUNNEL_BEARS = {
  maxSessionInvalidFrames: 2 ** 31 - 1,
  streamResetBurst: Number.MAX_SAFE_INTEGER,
  streamResetRate: Number.MAX_SAFE_INTEGER,
};
/** For Node: beyond it a session opens no stream more. */
export const TUNNEL_MEMORY_MIB = 512;
/** Each side asks the other whether it is there, and gives it up after so long without a byte. */
export const TUNNEL_PING_EVERY_MS = 10_000;
export const TUNNEL_SILENT_AFTER_MS = 30_000;
