import { expect, test } from "vitest";
import { keySetId } from "@remotegpu/control-plane/server/core/environments/entrants";
import { ticketSetId } from "@remotegpu/control-plane/server/core/environments/access/ssh-ticket";
import {
  isTerminalSet,
  TERMINAL_KEY_ID,
  terminalSetId,
} from "@remotegpu/control-plane/server/core/environments/terminal-keys";
import { KeySet } from "@remotegpu/shared/instance/ssh-access";

const DIGEST = "0123456789abcdef".repeat(4);

test("a terminal's set is distinguished from every person's and every ticket's", () => {
  expect(isTerminalSet(terminalSetId(DIGEST))).toBe(true);
  for (const other of [keySetId(1), ticketSetId(1)]) expect(isTerminalSet(other)).toBe(false);
});

test("a host takes it, with the number of its key", () => {
  const set = { id: terminalSetId(DIGEST), keys: [{ id: TERMINAL_KEY_ID, line: "ssh-ed25519 AAAA" }] };

  expect(KeySet.parse(set)).toEqual(set);
});
