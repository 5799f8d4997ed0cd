/**
 * A request of the HTTP API as data: what the generated functions return and transports send. Path, query, body and the
 * type of its answer stand in one value, so that whoever sends it gets that answer's type back.
 */

/** The API's root; paths of requests begin behind it. */
export const API_ROOT = "/api/v1";

/** A type parameter that no member carries would be inferred as unknown. */
declare const ANSWER: unique symbol;

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface ApiRequest<Answer> {
  readonly method: Method;
  /** Behind the API's root, its parameters encoded: `/hosts/host-1`. */
  readonly path: string;
  /** Members that are undefined are not sent. */
  readonly query?: object | undefined;
  /** The JSON body; a file's bytes are given to the transport. */
  readonly body?: object | undefined;
  readonly [ANSWER]?: Answer;
}

/** The generated functions make their requests by these. */
const requestBy =
  (method: Method) =>
  (path: string, query?: object, body?: object): ApiRequest<never> => ({ method, path, query, body });

export const get = requestBy("GET");
export const post = requestBy("POST");
export const put = requestBy("PUT");
export const patch = requestBy("PATCH");
export const remove = requestBy("DELETE");

/** A path whose parameters are encoded. */
export function path(texts: TemplateStringsArray, ...parameters: (number | string)[]): string {
  return String.raw({ raw: texts }, ...parameters.map(encodeURIComponent));
}

/** One page of a list, as every list of the API answers. */
export interface Page<Item> {
  items: Item[];
  next_cursor: string | null;
}

/** The address on the API's server: path and query. */
export function addressOf({ path, query = {} }: ApiRequest<unknown>): string {
  const given = Object.entries(query).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return `${API_ROOT}${path}${given.length === 0 ? "" : `?${new URLSearchParams(given).toString()}`}`;
}

/** The page behind `cursor` of the same list, or its first page. */
export function pageOf<Item>(
  request: ApiRequest<Page<Item>>,
  { cursor, limit }: { cursor?: string | undefined; limit?: number | undefined },
): ApiRequest<Page<Item>> {
  return { ...request, query: { ...request.query, limit, cursor } };
}

/** Members whose value may be undefined, as members that may be missing. */
export type Given<Members> = {
  [Name in keyof Members as undefined extends Members[Name] ? never : Name]: Members[Name];
} & {
  [Name in keyof Members as undefined extends Members[Name] ? Name : never]?: Exclude<
    Members[Name],
    undefined
  >;
};

/** The members that have a value: bodies and queries of the API name no member without one. */
export function given<const Members extends object>(members: Members): Given<Members> {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined),
  ) as Given<Members>;
}
