/** The doctor's question to NATS: is the journal stream there, and has it as many replicas as it should. Changes nothing. */
import { inEnglish } from "../../core/reasons/english/english.ts";
import type { Check, CheckResult, Finding } from "@remotegpu/shared/doctor";
import { resultOf } from "@remotegpu/shared/doctor";
import { JOURNAL_STREAM } from "@remotegpu/shared/messages/subjects";
import type { Log } from "@remotegpu/shared/log";
import { replicasReason, troublesOf } from "../../core/ingest/journal-stream.ts";
import { connectControlPlane, NatsUnreachableError, type NatsAddress } from "../servers/connection.ts";
import { inspectStream } from "./journal-keeping.ts";
import { readJournalStream } from "./journal-stream.ts";
import type { Operator } from "../servers/operator.ts";

const CHECK: Check = {
  check: "journal-stream-takes-usage",
  claim: "The journal stream takes usage, and bears the loss of a server where its NATS is a cluster.",
};

/** What stands in place of the look where the NATS is not an operator's. */
export function noStreamToCheck(note: string): CheckResult {
  return { ...CHECK, state: "well", notes: [note] };
}

export function streamNotChecked(reason: string): CheckResult {
  return { ...CHECK, state: "not-checked", reason };
}

export async function checkJournalStream(
  { operator, address }: { operator: Operator; address: NatsAddress },
  log: Log,
): Promise<CheckResult> {
  try {
    const connection = await connectControlPlane(operator, address, log);
    try {
      const state = await inspectStream({ operator, address, connection }, readJournalStream);
      const findings = [...troublesOf(state)].map(([trouble, reason]) => finding(trouble, inEnglish(reason)));
      const notes = state.kind === "well" ? [inEnglish(replicasReason(state))] : [];
      return resultOf(CHECK, { count: findings.length, findings, notes });
    } finally {
      await connection.close();
    }
  } catch (error) {
    if (!(error instanceof NatsUnreachableError)) throw error;
    return streamNotChecked(error.message);
  }
}

function finding(trouble: string, sentence: string): Finding {
  return {
    finding: `journal-stream-${trouble.replace(/ .*/, "")}`,
    subject: { stream: JOURNAL_STREAM },
    sentence,
  };
}
