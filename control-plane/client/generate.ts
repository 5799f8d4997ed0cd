/**
 * Makes the typed client of the HTTP API from `docs/openapi.json`: the functions and types below `generated/`, which is not
 * committed. `.setup/run` starts it where the document or a file of the generator has changed.
 */
import { join } from "node:path";
import { generate } from "orval";
import { apiPart, requestFunctions, type ApiDocument } from "./request-functions.ts";

const here = import.meta.dirname;

await generate({
  input: {
    target: join(here, "../docs/openapi.json"),
    override: { transformer: (document) => apiPart(document as typeof document & ApiDocument) },
  },
  output: {
    target: join(here, "generated/api.ts"),
    // It says that imports are written with their files' endings.
    tsconfig: join(here, "../../tsconfig.base.json"),
    mode: "split",
    client: () => requestFunctions,
    clean: true,
    override: { enumGenerationType: "union" },
  },
});
