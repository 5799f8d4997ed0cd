/** An agent's side of the link, as the agent puts it together, for tests of the whole way. */
import { HostConnection, type MessageHandler } from "@remotegpu/agent/link/connection";
import { ControlPlaneClient } from "@remotegpu/agent/link/control-plane-client";
import { eventually } from "../eventually.ts";
import { memoryLog, type MemoryLog } from "../memory-log.ts";
import type { HostCredential } from "../engines/nats.ts";

export interface HostSide extends HostCredential {
  connection: HostConnection;
  client: ControlPlaneClient;
  log: MemoryLog;
  /** How often the credential was said to be refused. */
  refusals: () => number;
}

export async function startHostSide(
  credential: HostCredential,
  subscriptions: Record<string, MessageHandler> = {},
  { isAwaited = true }: { isAwaited?: boolean } = {},
): Promise<HostSide> {
  const log = memoryLog();
  let refusals = 0;
  const connection = new HostConnection({
    ...credential,
    subscriptions,
    onConnected: () => undefined,
    onRefused: () => (refusals += 1),
    log,
  });
  connection.start();
  if (isAwaited)
    await eventually(() => connection.isConnected, { what: `${credential.hostId}'s connection` });
  const client = new ControlPlaneClient(connection, credential.hostId);
  return { ...credential, connection, client, log, refusals: () => refusals };
}
