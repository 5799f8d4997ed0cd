/** One connection beside the pool, for whoever takes its socket over; of several hosts it is to the primary. */
import { Client } from "pg";
import { postgresUrls } from "@remotegpu/shared/settings/postgres-urls";
import { primaryClient } from "./primary-client.ts";
import { forgetfulMemory, PrimaryWatch } from "./primary-watch.ts";

/** @returns a client that is to be connected, and what is to be called once it has ended */
export function openClient(url: string, applicationName: string): { client: Client; close: () => void } {
  const options = { application_name: applicationName };
  const [first, ...others] = postgresUrls(url);
  if (others.length === 0)
    return { client: new Client({ ...options, connectionString: url }), close: () => undefined };
  const watch = new PrimaryWatch(url, { memory: forgetfulMemory(), onChange: () => undefined });
  return { client: new (primaryClient(watch, first))(options), close: () => watch.close() };
}
