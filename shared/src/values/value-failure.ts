/** Why a value that several messages or bodies share is refused: the codes, and what each says in English. */
import { failure } from "./failure.ts";

export const VALUE_CODES = {
  "text-malformed": {},
  "text-with-control-characters": {},
  "text-with-outer-blanks": {},
  "env-var-name-malformed": {},
  "env-var-name-reserved": {},
  "env-vars-too-many": { max_variables: "number" },
  "env-vars-too-large": { max_bytes: "number" },
  "sha256-malformed": {},
  "request-path-malformed": {},
  "request-path-with-fragment": {},
  "request-path-with-dots": {},
  "pool-path-outside": {},
} as const;

/** Numbers alone stand in their places. */
export const VALUE_ENGLISH = {
  "text-malformed": "must be well-formed text without U+0000",
  "text-with-control-characters": "must not contain control characters",
  "text-with-outer-blanks": "must not begin or end with a blank",
  "env-var-name-malformed": "must be a name of letters, digits and _",
  "env-var-name-reserved": "is reserved for the product",
  "env-vars-too-many": "at most {max_variables} variables",
  "env-vars-too-large": "at most {max_bytes} bytes in all",
  "sha256-malformed": "must be a SHA-256 in hex",
  "request-path-malformed": "must begin with one / and be printable ASCII without spaces",
  "request-path-with-fragment": "must not contain # or \\",
  "request-path-with-dots": "must not have . or .. as a part",
  "pool-path-outside": "must stay below the pool",
} as const satisfies Record<keyof typeof VALUE_CODES, string>;

/** The options of a check of a schema: what fails it is refused for this reason. */
export function valueFailure<Code extends keyof typeof VALUE_CODES>(
  code: Code,
  params: Readonly<Record<keyof (typeof VALUE_CODES)[Code], number>>,
) {
  const numbers = new Map<string, number>(Object.entries(params));
  const text = VALUE_ENGLISH[code].replaceAll(/\{(\w+)\}/g, (_place, name: string) =>
    String(numbers.get(name)),
  );
  return failure({ code, params }, text);
}
