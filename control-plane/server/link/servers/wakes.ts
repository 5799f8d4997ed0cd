/**
 * "Look again", said over NATS to all servers and gateways of the fleet without a word of what has changed. Whoever says it
 * does not hear it, and a word that is lost costs the time until the next poll.
 */
import { randomBytes } from "node:crypto";
import { headers, type NatsConnection } from "nats";
import { inTraceOf, withTrace } from "@remotegpu/shared/messages/message-trace";
import { CONTROL_PLANE_WAKE } from "@remotegpu/shared/messages/subjects";

export class Wakes {
  readonly #self = randomBytes(12);

  hear(connection: NatsConnection, woken: () => void): void {
    connection.subscribe(CONTROL_PLANE_WAKE, {
      callback: (_broken, message) => {
        // It has woken its own loops already; a second pass would only take the time of what the first one began.
        if (this.#self.compare(message.data) !== 0) inTraceOf(message, woken);
      },
    });
  }

  report(connection: NatsConnection): void {
    if (connection.isClosed()) return;
    connection.publish(CONTROL_PLANE_WAKE, this.#self, { headers: withTrace(headers()) });
  }
}
