/**
 * Where a registry's name leads. Asked of the name servers directly: the system's own way takes one of the few threads
 * that this process has for files, for as long as a name server of somebody else's keeps silent.
 */
import { Resolver } from "node:dns/promises";

const TRY_MS = 3_000;
const TRIES = 2;

/** Every address of both families; none where the name leads nowhere, or nobody tells. */
export async function registryAddresses(name: string): Promise<string[]> {
  const resolver = new Resolver({ timeout: TRY_MS, tries: TRIES });
  const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  return answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
}
