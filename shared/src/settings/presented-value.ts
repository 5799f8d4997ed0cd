/** A setting's value as it may be printed: of secrets their length, of addresses with a password everything but that. */

import { postgresHostsFault, postgresPlaces, postgresUrls } from "./postgres-urls.ts";

/** Of a URL's query these hold no secret. */
const HARMLESS_QUERY = new Set([
  "sslmode",
  "host",
  "port",
  "application_name",
  "connect_timeout",
  "target_session_attrs",
]);
const NAMES_A_USER = /^postgres(ql)?:$/;

export type SettingKind = "plain" | "secret" | "url";

export function presentedValue(value: string, kind: SettingKind): string {
  if (value === "") return value;
  if (kind === "secret") return lengthOf(value);
  if (kind === "url" && postgresUrls(value).length > 1) return presentedHosts(value);
  if (kind === "url" || /:\/\/[^,]*@/.test(value)) return value.split(",").map(presentedUrl).join(",");
  return plainText(value);
}

/** Of several hosts of one database all else is presented once, as it is given. */
function presentedHosts(value: string): string {
  const [first, ...others] = postgresUrls(value).map(presentedUrl);
  const places = postgresPlaces(value);
  if (postgresHostsFault(value) !== null || first === undefined || others.some(isLength))
    return lengthOf(value);
  const place = places[0] ?? "";
  const at = first.lastIndexOf("@") < 0 ? first.indexOf(place) : first.indexOf(place, first.lastIndexOf("@"));
  return `${first.slice(0, at)}${places.join(",")}${first.slice(at + place.length)}`;
}

function isLength(text: string): boolean {
  return text.startsWith("[");
}

/** Only the length of what is not read in one way alone: its password may stand anywhere. */
function presentedUrl(text: string): string {
  const trimmed = text.trim();
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) || !URL.canParse(trimmed)) return lengthOf(text);
  const url = new URL(trimmed);
  const query = [...url.searchParams].map(([name, value]) => {
    const isHarmless = HARMLESS_QUERY.has(name);
    return `${encodeURIComponent(name)}=${isHarmless ? value : lengthOf(value)}`;
  });
  if (`${url.host}${url.pathname}${url.search}`.includes("@") || url.hash !== "") return lengthOf(text);
  const search = query.length === 0 ? "" : `?${query.join("&")}`;
  return plainText(`${url.protocol}//${userOf(url)}${url.host}${url.pathname}${search}`);
}

function userOf({ protocol, username, password }: URL): string {
  // Of NATS a lone name is a token.
  if (password === "" && username !== "" && !NAMES_A_USER.test(protocol)) return `${lengthOf(username)}@`;
  const hidden = password === "" ? "" : `:${lengthOf(password)}`;
  return username === "" && hidden === "" ? "" : `${username}${hidden}@`;
}

function lengthOf(secret: string): string {
  return `[${secret.length} characters]`;
}

/** No value looks like another line of a table. */
function plainText(value: string): string {
  return /\p{Cc}/u.test(value) ? JSON.stringify(value) : value;
}
