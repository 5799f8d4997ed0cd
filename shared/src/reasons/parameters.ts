/**
 * A reason is a code with parameters. What the parameters of a code are is declared as data: the types follow from it, and
 * so does the check of what comes from a table, a host or another version. Texts are made of it by messages.ts.
 */

/**
 * - `text` and `number` stand in the text as they are, `tenths` with one decimal; units stand in their names;
 * - `size` is a number of bytes, in the largest unit of which it is a whole number;
 * - `id` is for programs, and no text shows it;
 * - `names` are the first few of several names;
 * - `choices` are the values of which a field takes one, each as it is written in JSON;
 * - `phrase` and `sentence` are another reason, which goes on in the text or stands in it as a sentence;
 * - `whole` is another reason as it is, `wholes` are several, one after the other;
 * - `items` are phrases with more between them than commas, `opening` are items that begin a sentence;
 * - `phrases` and `sentences` are several of them, `all` several phrases that hold together;
 * - `alternatives` are names of which any will do;
 * - `hosts` are the first few of several hosts, each with its reasons.
 */
export type ParameterShape =
  | "text"
  | "number"
  | "tenths"
  | "size"
  | "id"
  | "names"
  | "choices"
  | "alternatives"
  | "phrase"
  | "sentence"
  | "phrases"
  | "sentences"
  | "all"
  | "whole"
  | "wholes"
  | "items"
  | "opening"
  | "hosts";

/** The parameters of one code by their names, which are sent as they are: small letters with underscores. */
export type CodeShape = Readonly<Record<string, ParameterShape>>;
/** The codes of a family. */
export type CodeShapes = Readonly<Record<string, CodeShape>>;

export interface FirstNames {
  readonly names: readonly string[];
  /** So many are not named. */
  readonly more: number;
}

interface HostReasons<Nested> {
  readonly host_id: string;
  readonly host_name: string;
  readonly reasons: readonly Nested[];
}

export interface FirstHosts<Nested> {
  readonly hosts: readonly HostReasons<Nested>[];
  /** So many are not named. */
  readonly more: number;
}

interface ParameterValues<Nested> {
  text: string;
  number: number;
  tenths: number;
  size: number;
  id: string;
  names: FirstNames;
  choices: readonly string[];
  alternatives: readonly string[];
  phrase: Nested;
  sentence: Nested;
  phrases: readonly Nested[];
  sentences: readonly Nested[];
  all: readonly Nested[];
  whole: Nested;
  wholes: readonly Nested[];
  items: readonly Nested[];
  opening: readonly Nested[];
  hosts: FirstHosts<Nested>;
}

export type ParametersOf<Shape extends CodeShape, Nested> = {
  readonly [Name in keyof Shape]: ParameterValues<Nested>[Shape[Name]];
};

/** A reason of any family, as whoever reads it finds it. */
export interface AnyReason {
  readonly code: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Whether something has the code and the parameters of a reason, in depth; parameters that are not declared may be there. */
export function isReasonOf(shapes: CodeShapes, value: unknown): value is AnyReason {
  if (!isRecord(value) || typeof value.code !== "string" || !isRecord(value.params)) return false;
  if (!Object.hasOwn(shapes, value.code)) return false;
  const { params } = value;
  return Object.entries(shapes[value.code] ?? {}).every(([name, shape]) =>
    isParameter(shapes, shape, params[name]),
  );
}

function isParameter(shapes: CodeShapes, shape: ParameterShape, value: unknown): boolean {
  switch (shape) {
    case "text":
    case "id":
      return isText(value);
    case "number":
    case "tenths":
    case "size":
      return typeof value === "number";
    case "names":
      return isFirst(value, "names", isText);
    case "choices":
    case "alternatives":
      return isListOf(value, isText);
    case "phrase":
    case "sentence":
    case "whole":
      return isReasonOf(shapes, value);
    case "phrases":
    case "sentences":
    case "all":
    case "wholes":
    case "items":
    case "opening":
      return isListOf(value, (one) => isReasonOf(shapes, one));
    case "hosts":
      return isFirst(value, "hosts", (host) => isHost(shapes, host));
  }
}

function isHost(shapes: CodeShapes, host: unknown): boolean {
  return (
    isRecord(host) &&
    typeof host.host_id === "string" &&
    typeof host.host_name === "string" &&
    isListOf(host.reasons, (one) => isReasonOf(shapes, one))
  );
}

function isFirst(value: unknown, list: string, isOne: (one: unknown) => boolean): boolean {
  return isRecord(value) && typeof value.more === "number" && isListOf(value[list], isOne);
}

function isListOf(value: unknown, isOne: (one: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isOne);
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
