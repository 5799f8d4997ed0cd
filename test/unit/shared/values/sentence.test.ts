/** Texts of others within sentences of ours. */
import { describe, expect, test } from "vitest";
import { asPhrase, asSentence } from "@remotegpu/shared/values/sentence";

describe("a text as a phrase and as a sentence", () => {
  test.each([
    ["the disk is full", "the disk is full", "the disk is full."],
    ["The disk is full.", "The disk is full", "The disk is full."],
    ["The disk is full. ", "The disk is full", "The disk is full."],
    ["Is it full?", "Is it full?", "Is it full?"],
    ["it was cut here...", "it was cut here...", "it was cut here..."],
    ["it was cut here…", "it was cut here…", "it was cut here…"],
    ["v1.", "v1", "v1."],
    ["", "", "."],
  ])("%j", (text, phrase, sentence) => {
    expect([asPhrase(text), asSentence(text)]).toEqual([phrase, sentence]);
  });
});
