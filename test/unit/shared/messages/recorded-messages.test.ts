/**
 * Messages that programs of each release really sent, recorded by `npm run protocol:record`: today's parsers read every one of
 * them whole. One that fails here is a change that hosts and control planes of before would notice; the recording stays.
 */
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import type { z } from "zod";
import { CodeQuestion, CodeReply } from "@remotegpu/shared/instance/code";
import { RegistryLoginQuestion, RegistryLoginReply } from "@remotegpu/shared/instance/image-fetch";
import {
  ExecReply,
  ExecRequest,
  ExecStop,
  Heartbeat,
  HeartbeatReply,
  ObservedReply,
  ObservedReport,
  PullReply,
  PullRequest,
  Refusal,
} from "@remotegpu/shared/messages/protocol";
import {
  LogOpen,
  SessionClose,
  SessionCredit,
  SessionData,
  SessionReply,
  TerminalInput,
  TerminalOpen,
  TerminalResize,
} from "@remotegpu/shared/messages/sessions";
import { StorageReply, StorageRequest } from "@remotegpu/shared/messages/storage-sampling";
import { decode, encode } from "@remotegpu/shared/messages/wire";
import { JournalBatch } from "@remotegpu/shared/proof/journal-row";
import { recordedMessages } from "../../../support/release/recorded-messages.ts";
import { PREVIOUS } from "../../../support/release/releases.ts";

const SAMPLES = ["1", "2"].map(
  (version) => new URL(`../../../fixtures/protocol/${version}/`, import.meta.url),
);

/** Of each kind that passes through NATS. */
const KINDS: Readonly<Record<string, z.ZodType>> = {
  "code-part": CodeReply,
  "code-question": CodeQuestion,
  exec: ExecRequest,
  "exec-refused": ExecReply,
  "exec-reply": ExecReply,
  "exec-stop": ExecStop,
  heartbeat: Heartbeat,
  "heartbeat-reply": HeartbeatReply,
  "journal-batch": JournalBatch,
  "log-open": LogOpen,
  observed: ObservedReport,
  "observed-reply": ObservedReply,
  pull: PullRequest,
  "pull-reply": PullReply,
  refused: Refusal,
  "registry-login": RegistryLoginReply,
  "registry-login-none": RegistryLoginReply,
  "registry-login-question": RegistryLoginQuestion,
  "session-close": SessionClose,
  "session-credit": SessionCredit,
  "session-data": SessionData,
  "session-opened": SessionReply,
  "session-refused": SessionReply,
  "storage-order": StorageReply,
  "storage-question": StorageRequest,
  "storage-report": StorageRequest,
  "storage-rest": StorageReply,
  "storage-taken": StorageReply,
  "terminal-input": TerminalInput,
  "terminal-open": TerminalOpen,
  "terminal-resize": TerminalResize,
};

const RECORDED = recordedMessages();

test.each(RECORDED)("$release: $kind is read whole", ({ kind, message }) => {
  const schema = KINDS[kind];
  if (schema === undefined) throw new Error(`there is no parser of ${kind} any more`);

  expect(decode(schema, encode(message))).toEqual({ ok: true, message });
});

test("of the previous release what passes in any life of a host was recorded, and of each other kind there is a sample", () => {
  const recorded = RECORDED.filter(({ release }) => release === PREVIOUS.version).map(({ kind }) => kind);
  const samples = SAMPLES.flatMap((folder) => readdirSync(folder)).map((file) => file.replace(/\.json$/, ""));

  const known = new Set([...recorded, ...samples]);

  expect(Object.keys(KINDS).filter((kind) => !known.has(kind))).toEqual([]);
  expect(recorded.length).toBeGreaterThanOrEqual(13);
});
