/**
 * The texts of a family of codes in one language. A text has places, `{host_name}`, for the parameters of its code; one that
 * depends on a number has a form for each case that the language's grammar tells apart. A code without a text, a place
 * that is no parameter and a parameter that no place shows are errors of the compiler.
 */
import type { CodeShapes } from "./parameters.ts";

interface PluralMessage {
  /** The parameter on which the form depends. */
  readonly plural: string;
  readonly one: string;
  readonly other: string;
}

export type Message = string | PluralMessage;
export type Messages = Readonly<Record<string, Message>>;

type PlacesOf<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | PlacesOf<Rest>
  : never;

/** A form for one thing need not show the number. */
type ShownBy<Text extends Message> = Text extends string
  ? PlacesOf<Text>
  : Text extends { plural: infer Name; one: infer One extends string; other: infer Other extends string }
    ? Name | PlacesOf<One> | PlacesOf<Other>
    : never;

type ToShow<Shape> = { [Name in keyof Shape]: Shape[Name] extends "id" ? never : Name }[keyof Shape];

type Checked<Text extends Message, Names> = [Names] extends [ShownBy<Text>]
  ? [ShownBy<Text>] extends [Names]
    ? Text
    : { "is no parameter": Exclude<ShownBy<Text>, Names> }
  : { "is not shown": Exclude<Names, ShownBy<Text>> };

type CheckedMessages<Shapes extends CodeShapes, Texts> = {
  readonly [Code in keyof Texts]: Code extends keyof Shapes
    ? Texts[Code] extends Message
      ? Checked<Texts[Code], ToShow<Shapes[Code]>>
      : never
    : { "is no code": Code };
};

/** @returns the function that takes the texts of these codes, all of them and no other */
export function messagesFor<Shapes extends CodeShapes>() {
  return <const Texts extends Readonly<Record<keyof Shapes, Message>>>(
    texts: Texts & CheckedMessages<Shapes, Texts>,
  ): Texts => texts;
}
