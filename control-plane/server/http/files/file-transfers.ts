/** Which requests bring a file: they take as long as their sender does, and are of any size. */
import { API_BASE } from "../documentation/api-base.ts";

const BRINGING = new RegExp(
  `^${API_BASE}/(environments|datasets|models)/[^/]+/(files|manifest|upload-chunks)$`,
);

export function bringsFile(method: string | undefined, path: string): boolean {
  return method === "PUT" && BRINGING.test(path);
}
