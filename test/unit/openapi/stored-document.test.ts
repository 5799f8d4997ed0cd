/** The document in the repository is the one that is served, so what changes for clients shows where it is reviewed. */
import { readFileSync } from "node:fs";
import type { ApiDocument } from "@remotegpu/control-plane/server/http/documentation/openapi-document";
import { expect, test } from "vitest";
import { STORED_DOCUMENT, madeDocument, textOf } from "../../openapi/stored-document.ts";
import { narrowings } from "../../openapi/narrowing.ts";
import { writing } from "../../openapi/writing.ts";

const stored = readFileSync(STORED_DOCUMENT, "utf8");

function narrowed(): ApiDocument {
  const document = madeDocument();
  delete document.paths["/api/v1/environments"]?.post;
  return document;
}

test("control-plane/docs/openapi.json is what the routes define; else: npm run openapi", () => {
  // Not toBe, which would lay two texts of a megabyte side by side.
  const matchesRoutes = textOf(madeDocument()) === stored;

  expect(matchesRoutes, "the API has changed; write its document by: npm run openapi").toBe(true);
});

test("a document takes nothing from itself, and from itself with a route less just that", () => {
  const document = madeDocument();

  expect(narrowings({ stored: document, made: madeDocument() })).toEqual([]);
  expect(narrowings({ stored: document, made: narrowed() })).toEqual([
    "POST /api/v1/environments is no longer there",
  ]);
});

test.each([undefined, "", " "])("nothing that takes away is written for the reason %j", (reason) => {
  const decided = writing({ stored: madeDocument(), made: narrowed() }, { reason, known: [] });

  expect(decided).toEqual({ narrowed: ["POST /api/v1/environments is no longer there"], list: null });
});

test("what takes away is written with its reason, behind the reasons of before", () => {
  const known = [{ reason: "it never worked", narrowed: ["GET /old is no longer there"] }];

  const { list } = writing({ stored: madeDocument(), made: narrowed() }, { reason: "nobody orders", known });

  expect(list).toEqual([
    ...known,
    { reason: "nobody orders", narrowed: ["POST /api/v1/environments is no longer there"] },
  ]);
});

test("what takes nothing away needs no reason and leaves the list as it is", () => {
  const decided = writing({ stored: narrowed(), made: madeDocument() }, { reason: undefined, known: [] });

  expect(decided).toEqual({ narrowed: [], list: [] });
});
