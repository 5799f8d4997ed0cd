/** What a support bundle needs to know of a server's settings to find its parts. Nothing of it starts or makes anything. */
import type { NatsAddress } from "../link/servers/connection.ts";

export interface MetricsPlace {
  /** The entry's name. */
  name: string;
  address: string;
  port: number;
  /** PEM of the CA of its certificate; null where it serves plain HTTP. @throws what Node throws of its file */
  readCa: () => string | null;
}

export interface ServerPlace {
  stateDir: string;
  /** A folder; null without one. */
  paymentLog: string | null;
  /** Of single sign-on; null without one. */
  clientSecretFile: string | null;
  metrics: readonly MetricsPlace[];
  /** Null where it is one of ours and does not run. */
  databaseUrl: () => Promise<string | null>;
  /** Null where there was none yet. */
  nats: () => NatsAddress | null;
}
