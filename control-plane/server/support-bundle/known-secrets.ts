/** The secrets in the files of a server, so that none of them leaves with a support bundle. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { operatorFile } from "../link/servers/operator.ts";
import type { ServerPlace } from "./server-place.ts";

/** The words of a JSON file that are its own are shorter. */
const SHORTEST_IN_FILE = 16;

export function fileSecrets({ stateDir, clientSecretFile }: ServerPlace): string[] {
  const ofOperator = contents(operatorFile(stateDir)).match(/"[^"\s]+"/g) ?? [];
  const words = ofOperator.map((quoted) => quoted.slice(1, -1));
  return [
    ...words.filter((word) => word.length >= SHORTEST_IN_FILE),
    ...["password", "server-password"].map((file) => contents(join(stateDir, "postgres", file)).trim()),
    ...(clientSecretFile === null ? [] : [contents(clientSecretFile).trim()]),
  ];
}

/** Empty where it is not there or may not be read: then no collector can have it from there either. */
function contents(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
