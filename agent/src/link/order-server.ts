/**
 * What a host hears from the control plane. A nudge has no content and only wakes; a command is parsed and run by
 * the caller. Nothing that arrives here is trusted by itself: answers to another host's requests can be made to
 * land on these subjects.
 */
import { type HostStatement, reasonOf, textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import type { HostId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import { ExecRequest, ExecStop, type ExecReply } from "@remotegpu/shared/messages/protocol";
import { currentTrace, inTrace, nextStep } from "@remotegpu/shared/tracing/current-trace";
import { down, downOfAllSessions } from "@remotegpu/shared/messages/subjects";
import { decode, encode } from "@remotegpu/shared/messages/wire";
import type { MessageHandler } from "./connection.ts";

const MAX_COMMANDS = 8;
/** A flood of nudges wakes the loop this often and no more. */
const MIN_BETWEEN_WAKES_MS = 200;

export interface OrderHandlers {
  /** Wakes the loop; called seldom, whatever arrives. */
  onNudge: () => void;
  /** `signal`: nobody waits for it any more. */
  exec: (request: ExecRequest, signal: AbortSignal) => Promise<ExecReply>;
  /** All messages of sessions that read output. */
  logs?: MessageHandler;
}

/** The subscriptions to hand to the host's connection. */
export function orderSubscriptions(
  host: HostId,
  handlers: OrderHandlers,
  log: Log,
): Record<string, MessageHandler> {
  const commands = commandHandlers(handlers.exec, log);
  return {
    [down(host, "nudge")]: gentle(handlers.onNudge),
    [down(host, "exec")]: commands.begin,
    [down(host, "exec-stop")]: commands.stop,
    ...(handlers.logs && { [downOfAllSessions(host, "logs")]: handlers.logs }),
  };
}

function gentle(wake: () => void): MessageHandler {
  let timer: NodeJS.Timeout | null = null;
  /** In the trace of the latest nudge; null: no wake is due. */
  let due: (() => void) | null = null;
  const rest = () => {
    timer = null;
    if (due !== null) wakeNow(due);
  };
  const wakeNow = (wakeInTrace: () => void) => {
    due = null;
    timer = setTimeout(rest, MIN_BETWEEN_WAKES_MS);
    wakeInTrace();
  };
  return () => {
    const step = nextStep(currentTrace());
    const wakeInTrace = () => inTrace(step, wake);
    if (timer === null) wakeNow(wakeInTrace);
    else due = wakeInTrace;
  };
}

function commandHandlers(
  exec: OrderHandlers["exec"],
  log: Log,
): { begin: MessageHandler; stop: MessageHandler } {
  const running = new Set<{ id: string | undefined; stop: AbortController }>();
  const answerTo = async (data: Uint8Array): Promise<ExecReply> => {
    const request = decode(ExecRequest, data);
    if (!request.ok) return refused("bad-request", request.reason);
    if (running.size >= MAX_COMMANDS)
      return refused("busy", { code: "commands-of-host-too-many", params: { commands: MAX_COMMANDS } });
    const command = { id: request.message.execId, stop: new AbortController() };
    running.add(command);
    try {
      return await exec(request.message, command.stop.signal);
    } catch (error) {
      log.error({ error, instanceId: request.message.instanceId }, "a command failed");
      return refused("runtime-error", { code: "command-failed", params: {} });
    } finally {
      running.delete(command);
    }
  };
  const begin: MessageHandler = (data, respond) => {
    // The control plane always waits for the answer; what asks for none was not sent as an order.
    if (respond === null) return;
    answerTo(data)
      .then((answer) => respond(encode(answer)))
      .catch((error: unknown) => log.warn({ error }, "the answer to a command could not be sent"));
  };
  // What has ended meanwhile, or never came, is none of those that run.
  const stop: MessageHandler = (data) => {
    const request = decode(ExecStop, data);
    if (!request.ok) return;
    for (const command of running) if (command.id === request.message.execId) command.stop.abort();
  };
  return { begin, stop };
}

function refused(reason: "bad-request" | "busy" | "runtime-error", why: HostStatement): ExecReply {
  return { kind: "exec-refused", reason, detail: textOf(why), why: reasonOf(why) };
}
