/** What NATS says of itself, of JetStream and of the journal's consumer. */
import { existsSync } from "node:fs";
import type { Log } from "@remotegpu/shared/log";
import type { Collector } from "@remotegpu/shared/support-bundle/collection";
import { documentCollector } from "@remotegpu/shared/support-bundle/program-collectors";
import { jetStreamFigures } from "../link/journal/jetstream-figures.ts";
import { checkJournalStream } from "../link/journal/journal-stream-check.ts";
import { connectControlPlane } from "../link/servers/connection.ts";
import { openOperator, operatorFile } from "../link/servers/operator.ts";
import type { ServerPlace } from "./server-place.ts";

export function natsCollectors(place: ServerPlace, log: Log): Collector[] {
  return [
    documentCollector("nats/jetstream.json", "JetStream: account, streams and consumers", async () => {
      const { operator, address } = await access(place);
      const connection = await connectControlPlane(operator, address, log);
      try {
        return await jetStreamFigures(connection);
      } finally {
        await connection.close();
      }
    }),
    documentCollector("nats/journal-stream.json", "the doctor's check of the journal stream", async () =>
      checkJournalStream(await access(place), log),
    ),
  ];
}

/** @throws where there are no keys, which are never made for it, or there was no NATS yet */
async function access({ stateDir, nats }: ServerPlace) {
  if (!existsSync(operatorFile(stateDir)))
    throw new Error(`${operatorFile(stateDir)}, the key to NATS, is not there`);
  const address = nats();
  if (address === null) throw new Error(`no NATS was started for ${stateDir} yet`);
  return { operator: await openOperator(operatorFile(stateDir)), address };
}
