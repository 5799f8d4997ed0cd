/** A short command in a running instance, ordered by the control plane. */
import { Buffer } from "node:buffer";
import type { ExecReply, ExecRequest } from "@remotegpu/shared/protocol";
import type { Runtime } from "../runtime/runtime.ts";
import type { Observation } from "./observation.ts";

export async function execInInstance(
  { runtime, observation }: { runtime: Pick<Runtime, "exec">; observation: Observation },
  { instanceId, argv, stdin, timeoutSeconds }: ExecRequest,
): Promise<ExecReply> {
  const [command, ...args] = argv;
  const container = observation.running.find(({ owner }) => owner.instanceId === instanceId);
  if (container === undefined || command === undefined)
    return { kind: "exec-refused", reason: "not-running", detail: "It does not run on this host now." };
  const result = await runtime.exec({
    containerId: container.containerId,
    argv: [command, ...args],
    stdin: stdin === null ? null : Buffer.from(stdin, "base64"),
    timeoutSeconds,
  });
  if (result.kind === "refused")
    return { kind: "exec-refused", reason: result.reason, detail: result.detail };
  return {
    kind: "exec-reply",
    exitCode: result.exitCode,
    stdout: result.stdout.toString("base64"),
    stderr: result.stderr.toString("base64"),
    truncated: result.truncated,
  };
}
