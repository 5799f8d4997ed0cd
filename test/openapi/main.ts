/**
 * `npm run openapi`: writes the OpenAPI document that the repository keeps. A test sees only the document of now, and
 * whoever narrows a route would write it anew with it; so the comparison stands here, before the one of before is gone.
 * What takes something from clients is written only with `-- --allow-narrowing "WHY"`, which stays in a list beside it.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { ApiDocument } from "@remotegpu/control-plane/http/documentation/openapi-document";
import { KEPT_DOCUMENT, KEPT_NARROWINGS, madeDocument, textOf } from "./kept-document.ts";
import { type Narrowing, writing } from "./writing.ts";

const say = (line: string) => void process.stdout.write(`${line}\n`);
const readJson = (file: URL): unknown => JSON.parse(readFileSync(file, "utf8"));

const { values } = parseArgs({ options: { "allow-narrowing": { type: "string" } } });
// A document that was removed first would be compared with nothing.
if (!existsSync(KEPT_DOCUMENT)) {
  say("control-plane/docs/openapi.json is not there: bring it back from the repository first");
  process.exit(1);
}
const made = madeDocument();
const decided = writing(
  { stored: readJson(KEPT_DOCUMENT) as ApiDocument, made },
  { reason: values["allow-narrowing"], known: readJson(KEPT_NARROWINGS) as Narrowing[] },
);
for (const line of decided.narrowed) say(line);
if (decided.list === null) {
  say('Not written: clients rely on this. To take it from them: npm run openapi -- --allow-narrowing "WHY"');
  process.exitCode = 1;
} else {
  writeFileSync(KEPT_NARROWINGS, `${JSON.stringify(decided.list, null, 2)}\n`);
  writeFileSync(KEPT_DOCUMENT, textOf(made));
}
