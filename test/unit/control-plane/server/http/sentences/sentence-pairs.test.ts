/** The deprecated list of sentences: what its readers need to fill in a translation. */
import { ENGLISH } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { THING_CODES } from "@remotegpu/control-plane/server/core/refusals/codes/thing";
import { cataloguePairs } from "@remotegpu/control-plane/server/http/sentences/catalogue-pairs";
import { CHINESE } from "@remotegpu/control-plane/server/http/sentences/chinese";
import { CHINESE_WORDS } from "@remotegpu/control-plane/server/http/sentences/chinese-words";
import { expect, test } from "vitest";

const KINDS = ["", ":said", ":list", ":hosts"];
const ALL = [...cataloguePairs(), ...CHINESE, ...CHINESE_WORDS];

function placesOf(text: string): { name: string; kind: string }[] {
  return [...text.matchAll(/\{(\w+)(:\w+)?\}/g)].map(([, name = "", kind = ""]) => ({ name, kind }));
}

test("each place of a translation is one of its sentence", () => {
  const strange = ALL.filter(([sentence, translation]) => {
    const names = new Set(placesOf(sentence).map(({ name }) => name));
    return placesOf(translation).some(({ name }) => !names.has(name));
  });

  expect(ALL.length).toBeGreaterThan(500);
  expect(strange).toEqual([]);
});

test("each place is of a kind that readers of the list know", () => {
  const kinds = new Set(ALL.flatMap(([sentence]) => placesOf(sentence).map(({ kind }) => kind)));

  expect([...kinds].toSorted()).toEqual(KINDS.toSorted());
});

test("each sentence of the catalogue without places is in the list, and no two words are the same", () => {
  const listed = new Set(ALL.map(([sentence]) => sentence));
  const bare = Object.entries(ENGLISH.messages).flatMap(([code, message]) =>
    typeof message !== "string" || message.includes("{") || Object.hasOwn(THING_CODES, code) ? [] : [message],
  );

  expect(bare.length).toBeGreaterThan(200);
  expect(bare.filter((sentence) => !listed.has(sentence))).toEqual([]);
  expect(new Set(CHINESE_WORDS.map(([word]) => word)).size).toBe(CHINESE_WORDS.length);
});

test("longer sentences come before shorter ones, since the first that fits is meant", () => {
  const lengths = cataloguePairs().map(([sentence]) => sentence.replaceAll(/\{[\w:]+\}/g, "").length);

  expect(lengths).toEqual(lengths.toSorted((one, other) => other - one));
});
