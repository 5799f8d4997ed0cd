/**
 * Ways into containers, by the last list: to the service of a lease that is held, or to a port of an instance. Beside them
 * the way to this host's files process, which is in none.
 */
import type { LeaseId, WorkloadId } from "@remotegpu/shared/values/ids";
import type { LeaseRecord } from "../../core/leases/lease.ts";
import type { ReachableInstance } from "../control/control-messages.ts";
import { KEYS_ONLY_ADDRESS } from "../../core/access/login-line.ts";
import { dialInto, DialError } from "../../host/inside/dial.ts";
import { dialFiles } from "./dial-files.ts";
import type { Dialled } from "./relay-handlers.ts";
import type { DialTarget } from "../relay/relay-messages.ts";

export class InstanceRoutes {
  readonly #filesPath: string;
  readonly #instances: () => readonly ReachableInstance[];
  readonly #held: (leaseId: LeaseId) => LeaseRecord | null;
  readonly #relayedBy: (workloadId: WorkloadId, port: number) => LeaseId | null;
  readonly #onNobody: (leaseId: LeaseId) => void;

  constructor(options: {
    /** Of the files process's socket. */
    filesPath: string;
    /** Of one workload the latest placement's comes last. */
    instances: () => readonly ReachableInstance[];
    /** Null: it leads nowhere. */
    held: (leaseId: LeaseId) => LeaseRecord | null;
    /** By which SSH or RDP leads to that port; null: it was released, or never taken. */
    relayedBy: (workloadId: WorkloadId, port: number) => LeaseId | null;
    /** Nobody answers behind it. */
    onNobody: (leaseId: LeaseId) => void;
  }) {
    this.#filesPath = options.filesPath;
    this.#instances = options.instances;
    this.#held = options.held;
    this.#relayedBy = options.relayedBy;
    this.#onNobody = options.onNobody;
  }

  /** @throws DialError */
  async dial(target: DialTarget): Promise<Dialled> {
    if (target.kind === "lease") return this.#dialService(target);
    if (target.kind === "files") return { socket: await dialFiles(this.#filesPath), into: null };
    const instance = this.#instances().find(({ instanceId }) => instanceId === target.instanceId);
    if (instance === undefined) throw new DialError(`instance ${target.instanceId} does not run here`);
    const { port } = target;
    return dialled(instance, { port }, this.#relayedBy(instance.workloadId, port));
  }

  async #dialService({ leaseId, isKeysOnly }: Extract<DialTarget, { kind: "lease" }>): Promise<Dialled> {
    const lease = this.#held(leaseId);
    const instance =
      lease === null
        ? undefined
        : this.#instances().findLast(({ workloadId }) => workloadId === lease.workloadId);
    if (lease === null || instance === undefined)
      throw new DialError(`lease ${leaseId} leads nowhere: its workload does not run`);
    try {
      const from = isKeysOnly ? KEYS_ONLY_ADDRESS : undefined;
      return await dialled(instance, { port: lease.internalPort, from }, leaseId);
    } catch (error) {
      if (error instanceof DialError) this.#onNobody(leaseId);
      throw error;
    }
  }
}

/** @throws DialError */
async function dialled(
  instance: ReachableInstance,
  { port, from }: { port: number; from?: string | undefined },
  leaseId: LeaseId | null,
): Promise<Dialled> {
  const { instanceId, runId } = instance;
  const socket = await dialInto(instance, port, from === undefined ? {} : { from });
  return { socket, into: { instanceId, runId, leaseId } };
}
