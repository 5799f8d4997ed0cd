/** What hosts report in words: reasons of the catalogue, texts of others, and both one after the other. */
import { expect, test } from "vitest";
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import {
  inSequence,
  reasonOf,
  statementOf,
  textOf,
  worded,
} from "@remotegpu/shared/reasons/host-reports/statement";

const exited: HostReason = { code: "container-exited", params: { exit_code: 3 } };
const follows: HostReason = { code: "container-restarts-follow", params: { attempt: 2, most: 5 } };

test("a reason is worded by its text, with itself beside it", () => {
  expect(worded(exited)).toEqual({
    detail: "The container ended by itself with exit code 3.",
    reason: exited,
  });
});

test("a text of others has no reason beside it", () => {
  expect(worded("cannot make container x")).toEqual({ detail: "cannot make container x" });
});

test("a sequence within a sequence is one sequence", () => {
  const two = inSequence(exited, follows);

  expect(inSequence(two, "It is late.")).toEqual({
    code: "in-sequence",
    params: { reasons: [exited, follows, { code: "as-reported", params: { text: "It is late." } }] },
  });
  expect(textOf(inSequence(two, "It is late."))).toBe(
    "The container ended by itself with exit code 3. Start 2 of 5 follows. It is late.",
  );
});

test("texts of others in sequence are one text", () => {
  expect(inSequence("One.", "Two.")).toBe("One. Two.");
});

test("what was worded is stated again as it was", () => {
  expect(statementOf(worded(exited))).toBe(exited);
  expect(statementOf(worded("One."))).toBe("One.");
  expect(reasonOf("One.")).toEqual({ code: "as-reported", params: { text: "One." } });
});
