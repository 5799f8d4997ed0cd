/** A curl command that makes an operation's request as it stands: method, address, key and an example of the body. */
import { type ApiDocument, contentOf, JSON_TYPE, type Parameter, type Route } from "../openapi-document.ts";

/** Where the commands find the key, so that it stands in no shell history. */
export const KEY_VARIABLE = "REMOTEGPU_KEY";

export function curlOf({ method, path, operation }: Route, document: ApiDocument): string {
  const { parameters = [], requestBody, security = [] } = operation;
  const address = (document.servers[0]?.url ?? "") + addressOf(path, parameters);
  const verb = method === "get" ? "" : `-X ${method.toUpperCase()} `;
  const parts = [`curl ${verb}${quoted(address)}`];
  if (security.length > 0) parts.push(`-H "Authorization: Bearer $${KEY_VARIABLE}"`);
  const body = contentOf(requestBody);
  if (body !== null)
    parts.push(
      `-H ${quoted(`Content-Type: ${JSON_TYPE}`)}`,
      `-d ${quoted(JSON.stringify(body.media.example))}`,
    );
  return parts.join(" \\\n  ");
}

function addressOf(path: string, parameters: readonly Parameter[]): string {
  const query = new URLSearchParams();
  let address = path;
  for (const { name, in: place, required = false, example } of parameters) {
    if (place === "path") address = address.replace(`{${name}}`, encodeURIComponent(String(example)));
    if (place === "query" && required) query.set(name, String(example));
  }
  return query.size === 0 ? address : `${address}?${query.toString()}`;
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
