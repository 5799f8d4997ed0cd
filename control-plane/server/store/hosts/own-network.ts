/**
 * The machine that this process runs on, as it matters to connections: its addresses, and a name of its very loopback.
 * Two processes have one loopback where they share the kernel's boot and the namespace of networks.
 */
import { readFileSync, readlinkSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { normalAddress } from "@remotegpu/shared/values/network-address";
import type { OwnMachine } from "../../core/hosts/host-address.ts";

/** Addresses come and go with networks; reading them takes a system call for each interface. */
const FRESH_FOR_MS = 5_000;

let read: { machine: OwnMachine; atMs: number } | null = null;
let name: string | null = null;

export function ownMachine(): OwnMachine {
  const nowMs = performance.now();
  if (read === null || nowMs - read.atMs >= FRESH_FOR_MS) {
    const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    const addresses = new Set(all.flatMap(({ address }) => normalAddress(address) ?? []));
    read = { machine: { addresses }, atMs: nowMs };
  }
  return read.machine;
}

/** Like `4c1f…/net:[4026531840]`. */
export function ownNetwork(): string {
  name ??= `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()}/${readlinkSync("/proc/self/ns/net")}`;
  return name;
}
