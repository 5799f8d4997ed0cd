/**
 * The IPv4 addresses that this host has at this moment, without loopback, in the order of its interfaces. Those of bridges
 * that no container is in may be missing: their interfaces do not run.
 */
import { networkInterfaces } from "node:os";

/** Each once. */
export function hostAddresses(): string[] {
  const found = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, family }) => !internal && family === "IPv4");
  return [...new Set(found.map(({ address }) => address))];
}
