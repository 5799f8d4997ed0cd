/**
 * The type of what a request is answered whose path is written by hand: found by method and path among the routes of the
 * generated client. A query does not count.
 */
import type { Problem } from "@remotegpu/control-plane/client/generated/api.schemas";
import type { Routes } from "@remotegpu/control-plane/client/generated/api";
import type { API_ROOT } from "@remotegpu/control-plane/client/api-request";

// A path that is put together at run time, or that is no route of the API: a test looks into its answer freely.
// oxlint-disable-next-line typescript/no-explicit-any
export type Untyped = any;

/** The answer's body; a problem's members can be read of each, since a test says which of the two it expects. */
export type BodyOf<Verb extends string, Path extends string> = string extends Verb
  ? Untyped
  : [RouteOf<Verb, Path>] extends [never]
    ? Untyped
    : OrProblem<Routes[RouteOf<Verb, Path>]>;

type OrProblem<Body> = [Body] extends [void]
  ? Untyped
  : Body & { [Member in Exclude<keyof Problem, keyof Body>]: Untyped };

type Root = typeof API_ROOT;
type RouteOf<Verb extends string, Path extends string> = Path extends `${Root}${infer Rest}`
  ? Route<Verb, WithoutQuery<Rest>>
  : never;
type Route<Verb extends string, Path extends string> = `${Verb} ${Path}` extends keyof Routes
  ? `${Verb} ${Path}`
  : Matching<Verb, Segments<Path>>;

type WithoutQuery<Path extends string> = Path extends `${infer Before}?${string}` ? Before : Path;
type Segments<Path extends string> = Path extends `${infer First}/${infer Rest}`
  ? [First, ...Segments<Rest>]
  : [Path];

/** What a request's segments must be for each route: any text where the route has a parameter. */
type Patterns = {
  [Name in keyof Routes]: Name extends `${infer Verb} ${infer Path}`
    ? [Verb, ...Filled<Segments<Path>>]
    : never;
};
type Filled<Parts extends string[]> = {
  [Index in keyof Parts]: Parts[Index] extends `{${string}}` ? string : Parts[Index];
};

type Matching<Verb extends string, Given extends string[]> = {
  [Name in keyof Routes]: [Verb, ...Given] extends Patterns[Name] ? Name : never;
}[keyof Routes];
