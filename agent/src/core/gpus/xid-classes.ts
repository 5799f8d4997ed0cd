/**
 * What an Xid means for the card's service. The numbers and their meanings are NVIDIA's ("Xid Errors" and its
 * catalogue, https://docs.nvidia.com/deploy/xid-errors/); the class is ours, taken from the action that the catalogue
 * asks for: restart the application → `application`, work may go on but the card needs a reset → `drain`, nothing on
 * the card can be trusted or reached until a reset or reboot → `fatal`. A number that is not here is only noted.
 */

/** `application`: noted. `drain`: the card takes nothing new. `fatal`: its containers are failed as well. */
type XidClass = "application" | "drain" | "fatal";

export type XidMeaning = { class: XidClass; meaning: string };

const MEANINGS: ReadonlyMap<number, XidMeaning> = new Map([
  // The program's own mistakes, and what follows from ending it.
  [8, { class: "application", meaning: "a channel made no progress" }],
  [13, { class: "application", meaning: "a program made an illegal access or instruction" }],
  [31, { class: "application", meaning: "a program touched memory that is not its own" }],
  [32, { class: "application", meaning: "a program's command buffer was broken" }],
  [43, { class: "application", meaning: "a program's work was ended after an error of its own" }],
  [45, { class: "application", meaning: "a program's work was ended early" }],
  [68, { class: "application", meaning: "the video engine met an error" }],
  [69, { class: "application", meaning: "a program used the graphics engine wrongly" }],
  // Told for the record: memory that was replaced or corrected.
  [63, { class: "application", meaning: "a memory row or page was marked for replacement" }],
  [92, { class: "application", meaning: "many correctable memory errors" }],
  [121, { class: "application", meaning: "a corrected error on the link to the processor" }],
  // What runs may end, and nothing new should come before a reset.
  [48, { class: "drain", meaning: "an uncorrectable memory error" }],
  [64, { class: "drain", meaning: "a memory row or page could not be replaced" }],
  [74, { class: "drain", meaning: "an NVLink error" }],
  [94, { class: "drain", meaning: "an uncorrectable memory error that hit one program only" }],
  [109, { class: "drain", meaning: "switching between programs timed out" }],
  [136, { class: "drain", meaning: "an NVLink did not come up" }],
  // The card is gone, stands still or may compute wrongly.
  [46, { class: "fatal", meaning: "the GPU stopped processing" }],
  [62, { class: "fatal", meaning: "the card's own controller halted" }],
  [79, { class: "fatal", meaning: "the GPU fell off the bus" }],
  [95, { class: "fatal", meaning: "an uncorrectable memory error that may have hit every program" }],
  [110, { class: "fatal", meaning: "a security fault stopped the card" }],
  [119, { class: "fatal", meaning: "the card's system processor does not answer" }],
  [120, { class: "fatal", meaning: "the card's system processor failed" }],
  [140, { class: "fatal", meaning: "an uncorrectable memory error that was not recovered from" }],
  [143, { class: "fatal", meaning: "the card could not be initialised" }],
]);

export function xidMeaning(code: number): XidMeaning {
  return MEANINGS.get(code) ?? { class: "application", meaning: "an error without an entry in our table" };
}

/** For the documentation's test and for people: every number that is known, in order. */
export function knownXids(): [number, XidMeaning][] {
  return [...MEANINGS].toSorted(([a], [b]) => a - b);
}
