/** A short command in a running instance, ordered by the control plane. */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";
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
    return execRefused("not-running", { code: "command-not-on-host", params: {} });
  // What a gang waits for costs nothing, so nobody has anything run meanwhile.
  if (observation.isHeld(container.owner))
    return execRefused("not-running", { code: "command-awaits-gang", params: {} });
  const result = await runtime.exec({
    containerId: container.containerId,
    argv: [command, ...args],
    stdin: stdin === null ? null : Buffer.from(stdin, "base64"),
    timeoutSeconds,
    signal,
  });
  if (result.kind === "exited")
    return { kind: "exec-reply", exitCode: result.exitCode, ...onTheWire(result) };
  const refused = execRefused(result.reason, result.why);
  return result.reason === "timeout" ? { ...refused, printed: onTheWire(result.printed) } : refused;
}

type ExecRefused = Extract<ExecReply, { kind: "exec-refused" }>;

function execRefused(reason: ExecRefused["reason"], why: HostReason): ExecRefused {
  return { kind: "exec-refused", reason, detail: textOf(why), why };
}

function onTheWire({ stdout, stderr, truncated }: Printed) {
  return { stdout: stdout.toString("base64"), stderr: stderr.toString("base64"), truncated };
}
