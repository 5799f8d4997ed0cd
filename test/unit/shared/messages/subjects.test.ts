import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { SessionId } from "@remotegpu/shared/messages/sessions";
import {
  down,
  downOfAllSessions,
  downSession,
  hostInbox,
  hostOf,
  sessionOf,
  up,
  upObservedTo,
  upSession,
} from "@remotegpu/shared/messages/subjects";
import { aHost } from "../../../support/samples/protocol-samples.ts";

const host = aHost("gpu-7");
const session = SessionId.parse("k3J-x_8QmZ0aVt5LrWc2Ng");

test.each([
  [up(host, "hb"), "rg.v1.h.gpu-7.up.hb"],
  [up(host, "storage"), "rg.v1.h.gpu-7.up.storage"],
  [down(host, "exec"), "rg.v1.h.gpu-7.down.exec"],
  [hostInbox(host), "rg.v1.h.gpu-7.down.inbox"],
  [upObservedTo(host, "R1"), "rg.v1.h.gpu-7.up.obs.R1"],
  [upSession(host, "term", session, "data"), `rg.v1.h.gpu-7.up.term.${session}.data`],
  [downSession(host, "logs", session, "*"), `rg.v1.h.gpu-7.down.logs.${session}.*`],
  [downOfAllSessions(host, "term"), "rg.v1.h.gpu-7.down.term.*.*"],
])("%s", (subject, text) => {
  expect(subject).toBe(text);
  expect(hostOf(`${subject}.x`)).toBe("gpu-7");
});

test.each([
  "",
  "rg.v1.h",
  "rg.v1.h.gpu-7",
  "rg.v1.h..up.hb",
  "rg.v2.h.gpu-7.up.hb",
  "x.rg.v1.h.gpu-7.up.hb",
  "$JS.API.INFO",
])("%j names no host", (subject) => {
  expect(hostOf(subject)).toBeNull();
});

test("a session is read from its subjects", () => {
  expect(sessionOf(upSession(host, "logs", session, "close"))).toBe(session);
  expect(sessionOf(downSession(host, "term", session, "open"))).toBe(session);
});

test.each([
  "rg.v1.h.gpu-7.up.hb",
  "rg.v1.h.gpu-7.up.term.short.data",
  `rg.v1.h.gpu-7.up.files.${"a".repeat(22)}.data`,
  `rg.v1.h.gpu-7.up.term.${"a".repeat(22)}`,
  `rg.v1.h.gpu-7.up.term.${"a".repeat(22)}.data.more`,
  `x.rg.v1.h.gpu-7.up.term.${"a".repeat(22)}.data`,
])("%j names no session", (subject) => {
  expect(sessionOf(subject)).toBeNull();
});

test.each([
  [randomBytes(16).toString("base64url"), true],
  [randomBytes(32).toString("base64url"), true],
  [randomBytes(15).toString("base64url"), false],
  ["a".repeat(65), false],
  [`${"a".repeat(22)}.>`, false],
  ["*".repeat(22), false],
])("%j as a session's id: %s", (id, isOne) => {
  expect(SessionId.safeParse(id).success).toBe(isOne);
});
