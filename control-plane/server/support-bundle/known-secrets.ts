/** The secrets in the files of a server, so that none of them leaves with a support bundle. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config.ts";
import { operatorFile } from "../link/servers/operator.ts";

/** The words of a JSON file that are its own are shorter. */
const SHORTEST_IN_FILE = 16;

export function fileSecrets({ stateDir, signOn }: Config): string[] {
  const ofOperator = contents(operatorFile(stateDir)).match(/"[^"\s]+"/g) ?? [];
  const words = ofOperator.map((quoted) => quoted.slice(1, -1));
  const clientSecret = signOn?.clientSecretFile ?? null;
  return [
    ...words.filter((word) => word.length >= SHORTEST_IN_FILE),
    ...["password", "server-password"].map((file) => contents(join(stateDir, "postgres", file)).trim()),
    ...(clientSecret === null ? [] : [contents(clientSecret).trim()]),
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
