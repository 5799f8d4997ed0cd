/**
 * Which servers have JetStream, as they themselves say to the system account. Asked only where the journal stream has
 * fewer replicas than it should, to say why.
 */
import { createInbox } from "nats";
import { z } from "zod";
import { connectSystem, type NatsAddress } from "./connection.ts";
import type { Operator } from "./operator.ts";

/** Nobody says how many there are: who has not answered by then is away. */
const ANSWER_WITHIN_MS = 500;
const MAX_SERVERS = 1_000;

const Answer = z.object({
  server: z.object({ name: z.string() }),
  data: z.object({ disabled: z.boolean().optional() }),
});

/** Their names, sorted. @throws NatsUnreachableError */
export async function jetStreamServers(operator: Operator, address: NatsAddress): Promise<string[]> {
  const system = await connectSystem(operator, address);
  try {
    const inbox = createInbox();
    const answers = system.subscribe(inbox, { max: MAX_SERVERS });
    system.publish("$SYS.REQ.SERVER.PING.JSZ", "{}", { reply: inbox });
    const timer = setTimeout(() => answers.unsubscribe(), ANSWER_WITHIN_MS);
    const names = new Set<string>();
    for await (const message of answers) {
      const answer = Answer.safeParse(message.json());
      if (answer.success && answer.data.data.disabled !== true) names.add(answer.data.server.name);
    }
    clearTimeout(timer);
    return [...names].toSorted();
  } finally {
    await system.close();
  }
}
