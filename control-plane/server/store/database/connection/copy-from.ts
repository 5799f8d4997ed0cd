/**
 * COPY … FROM STDIN of a stream of any length: it is read on only as fast as Postgres takes it, which copy-in.ts, for rows
 * that are in memory, need not do.
 */
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ClientBase } from "pg";
import { from } from "pg-copy-streams";

export async function copyFrom(client: ClientBase, text: string, source: Readable): Promise<void> {
  await pipeline(source, client.query(from(text)));
}
