/**
 * `npm run openapi`: writes the OpenAPI document that the repository keeps. A test sees only the document of now, and
 * whoever narrows a route would write it anew with it; so the comparison stands here, before the one of before is gone.
 * What takes something from clients is written only with `-- --allow-narrowing "WHY"`, which stays in a list beside it.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { ApiDocument } from "@remotegpu/control-plane/server/http/documentation/openapi-document";
import { STORED_DOCUMENT, STORED_NARROWINGS, madeDocument, textOf } from "./stored-document.ts";
import { type Narrowing, writing } from "./writing.ts";

const print = (line: string) => void process.stdout.write(`${line}\n`);
const readJson = (file: URL): unknown => JSON.parse(readFileSync(file, "utf8"));

const { values } = parseArgs({ options: { "allow-narrowing": { type: "string" } } });
// A document that was removed first would be compared with nothing.
if (!existsSync(STORED_DOCUMENT)) {
  print("control-plane/docs/openapi.json is not there: bring it back from the repository first");
  process.exit(1);
}
const made = madeDocument();
const decided = writing(
  { stored: readJson(STORED_DOCUMENT) as ApiDocument, made },
  { reason: values["allow-narrowing"], known: readJson(STORED_NARROWINGS) as Narrowing[] },
);
for (const line of decided.narrowed) print(line);
if (decided.list === null) {
  print(
    'Not written: clients rely on this. To take it from them: npm run openapi -- --allow-narrowing "WHY"',
  );
  process.exitCode = 1;
} else {
  writeFileSync(STORED_NARROWINGS, `${JSON.stringify(decided.list, null, 2)}\n`);
  writeFileSync(STORED_DOCUMENT, textOf(made));
}
