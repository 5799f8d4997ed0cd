/** The code of jobs on its way to their hosts: a part of what a host is to run, and of nothing else. */
import type { CodeQuestion, CodeReply } from "@remotegpu/shared/instance/code";
import type { HostId } from "@remotegpu/shared/values/ids";
import type { Refusal } from "@remotegpu/shared/messages/protocol";
import type { Database } from "../../store/database/database.ts";
import { codePartForHost } from "../../store/training/codes.ts";

export async function answerCode(
  { db }: { db: Database },
  hostId: HostId,
  { sha256, part }: CodeQuestion,
): Promise<CodeReply | Refusal> {
  const bytes = await codePartForHost(db, { hostId, sha256, part });
  return bytes === null
    ? { kind: "refused", reason: "no job with that code is placed on this host, or it has no such part" }
    : { kind: "code-part", base64: bytes.toString("base64") };
}
