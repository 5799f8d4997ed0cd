/** A connection to the database for what only reads: a test counts its queries, or lets them fail. */
import type { Connection } from "@remotegpu/control-plane/server/store/database/database";

export function readingConnection(query: Connection["query"]): Connection {
  return { query, change: () => Promise.reject(new Error("this only reads")) };
}
