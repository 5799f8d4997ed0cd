/** The document that the repository keeps, and the same made of the routes, without what differs between servers. */
import { createApp } from "@remotegpu/control-plane/server/http/server/app";
import type { ApiDeps } from "@remotegpu/control-plane/server/http/deps";
import { makeDocument } from "@remotegpu/control-plane/server/http/documentation/document";
import type { ApiDocument } from "@remotegpu/control-plane/server/http/documentation/openapi-document";

const DOCS = new URL("../../control-plane/docs/", import.meta.url);
export const STORED_DOCUMENT = new URL("openapi.json", DOCS);
/** What was taken away on purpose, and why. */
export const STORED_NARROWINGS = new URL("openapi-narrowings.json", DOCS);

const ANY_SERVER = { version: "0", publicUrl: "http://127.0.0.1:8080" };
const NO_LIMIT = { burst: 1, perSecond: 1 };

export function madeDocument(): ApiDocument {
  // Routes are only told, not asked, so neither a database nor hosts stand behind them.
  const deps = {
    closing: new AbortController().signal,
    config: { ...ANY_SERVER, rateLimits: { perKey: NO_LIMIT, perAddress: NO_LIMIT, logins: NO_LIMIT } },
  } as unknown as ApiDeps;
  return makeDocument(createApp(deps), ANY_SERVER);
}

/** The same text whatever the order in which routes and fields are told, so that a change shows as itself. */
export function textOf(document: ApiDocument): string {
  return `${JSON.stringify(sorted(document), null, 2)}\n`;
}

function sorted(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(sorted);
  if (typeof part !== "object" || part === null) return part;
  const entries = Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, value]) => [name, sorted(value)]));
}
