/** A short command in a running instance, ordered by the control plane. */
import { Buffer } from "node:buffer";
import type { ExecReply, ExecRequest } from "@remotegpu/shared/messages/protocol";
import type { Printed } from "../runtime/output/exec.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Observation } from "./watch/observation.ts";

export async function execInInstance(
  { runtime, observation }: { runtime: Pick<Runtime, "exec">; observation: Observation },
  { instanceId, argv, stdin, timeoutSeconds }: ExecRequest,
  signal: AbortSignal,
): Promise<ExecReply> {
  const [command, ...args] = argv;
  const container = observation.running.find(({ owner }) => owner.instanceId === instanceId);
  if (container === undefined || command === undefined)
    return { kind: "exec-refused", reason: "not-running", detail: "It does not run on this host now." };
  // What a gang waits for costs nothing, so nobody has anything run meanwhile.
  if (observation.isHeld(container.owner))
    return { kind: "exec-refused", reason: "not-running", detail: "It waits for all of its gang to go." };
  const result = await runtime.exec({
    containerId: container.containerId,
    argv: [command, ...args],
    stdin: stdin === null ? null : Buffer.from(stdin, "base64"),
    timeoutSeconds,
    signal,
  });
  if (result.kind === "exited")
    return { kind: "exec-reply", exitCode: result.exitCode, ...onTheWire(result) };
  const { reason, detail } = result;
  const printed = reason === "timeout" ? { printed: onTheWire(result.printed) } : {};
  return { kind: "exec-refused", reason, detail, ...printed };
}

function onTheWire({ stdout, stderr, truncated }: Printed) {
  return { stdout: stdout.toString("base64"), stderr: stderr.toString("base64"), truncated };
}
