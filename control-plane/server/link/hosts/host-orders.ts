/** What the control plane sends to a host: the nudge, which has no content, and a short command in an instance. */
import { randomBytes } from "node:crypto";
import { Events, headers, type NatsConnection } from "nats";
import { z } from "zod";
import type { HostId } from "@remotegpu/shared/values/ids";
import { ExecReply, Refusal, type ExecRequest, type ExecStop } from "@remotegpu/shared/messages/protocol";
import { withTrace } from "@remotegpu/shared/messages/message-trace";
import { down } from "@remotegpu/shared/messages/subjects";
import { KIB, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { decode, encode } from "@remotegpu/shared/messages/wire";

/** The host keeps the command's own deadline; this much longer is the way there and back. */
const EXEC_GRACE_MS = 5_000;
/** Under the server's payload limit, headers included. */
const MAX_REQUEST_BYTES = 1_000 * KIB;

/** No agent answered: the host is cut off, its agent is down, or it is too slow. */
export class HostUnreachableError extends Error {
  override name = "HostUnreachableError";
}

const Answer = z.union([ExecReply, Refusal]);

export class HostOrders {
  readonly #connection: NatsConnection;
  #isConnected = true;

  /** @param connection connected at this moment */
  constructor(connection: NatsConnection) {
    this.#connection = connection;
    void this.#followStatus();
  }

  /** While it is false the library would only keep what is sent, and nobody would answer. */
  get isConnected(): boolean {
    return this.#isConnected && !this.#connection.isClosed();
  }

  /** "Pull now." Losing it costs one heartbeat, so nobody waits for it. */
  nudge(host: HostId): void {
    if (!this.isConnected) return;
    this.#connection.publish(down(host, "nudge"), undefined, { headers: withTrace(headers()) });
  }

  /**
   * A host that has no connection to NATS fails at once; one whose connection is dead without NATS having seen it yet
   * fails only after the command's own deadline, so look at its last heartbeat first.
   * @param signal nobody waits for it any more: the host is told, ends it and answers that it was given up; an agent of
   * before does not listen, and its command ends by itself
   * @throws HostUnreachableError
   */
  async exec(host: HostId, request: ExecRequest, signal?: AbortSignal): Promise<ExecReply> {
    const execId = randomBytes(16).toString("base64url");
    const bytes = encode({ ...request, execId } satisfies ExecRequest);
    if (bytes.byteLength > MAX_REQUEST_BYTES) {
      return {
        kind: "exec-refused",
        reason: "bad-request",
        detail: "the command and its input are too large",
      };
    }
    if (signal?.aborted)
      return { kind: "exec-refused", reason: "given-up", detail: "it was given up before it began" };
    const giveUp = () => this.#reportStop(host, { kind: "exec-stop", execId });
    signal?.addEventListener("abort", giveUp, { once: true });
    const sent = this.#request(host, bytes, request.timeoutSeconds);
    const answer = decode(Answer, await sent.finally(() => signal?.removeEventListener("abort", giveUp)));
    if (!answer.ok)
      return { kind: "exec-refused", reason: "runtime-error", detail: `bad answer: ${answer.reason}` };
    if (answer.message.kind === "refused") {
      return { kind: "exec-refused", reason: "bad-request", detail: answer.message.reason };
    }
    return answer.message;
  }

  /** Where it is lost, the command ends at its own deadline. */
  #reportStop(host: HostId, stop: ExecStop): void {
    if (!this.isConnected) return;
    this.#connection.publish(down(host, "exec-stop"), encode(stop), { headers: withTrace(headers()) });
  }

  async #followStatus(): Promise<void> {
    for await (const { type } of this.#connection.status()) {
      if (type === Events.Disconnect) this.#isConnected = false;
      if (type === Events.Reconnect) this.#isConnected = true;
    }
  }

  async #request(host: HostId, bytes: Uint8Array, timeoutSeconds: number): Promise<Uint8Array> {
    if (!this.isConnected) throw new HostUnreachableError(`no route to host ${host}: not connected to NATS`);
    try {
      const timeout = timeoutSeconds * MS_PER_SECOND + EXEC_GRACE_MS;
      const sent = { timeout, headers: withTrace(headers()) };
      return (await this.#connection.request(down(host, "exec"), bytes, sent)).data;
    } catch (cause) {
      throw new HostUnreachableError(`host ${host} does not answer`, { cause });
    }
  }
}
