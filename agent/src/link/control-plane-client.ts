/**
 * What the agent asks the control plane over NATS, each with a deadline: heartbeat, desired set, observed state, samples
 * of storage, credentials of registries.
 */
import { z } from "zod";
import type { GpuReport, MachineReport } from "@remotegpu/shared/messages/host-report";
import type { HostId } from "@remotegpu/shared/values/ids";
import { type CodeQuestion, CodeReply } from "@remotegpu/shared/instance/code";
import {
  DesiredFetch,
  RegistryLoginReply,
  type ObservedPull,
  type RegistryLoginQuestion,
} from "@remotegpu/shared/instance/image-fetch";
import type { BareOrder, DesiredInstance, ObservedInstance } from "@remotegpu/shared/instance/instance";
import type { KernelNote } from "@remotegpu/shared/instance/gpu-errors";
import { DesiredLease, type ObservedLease } from "@remotegpu/shared/instance/lease";
import { readKeySets, readOrder, understood } from "@remotegpu/shared/messages/one-by-one";
import { MAX_PAGES, pagesOf } from "@remotegpu/shared/messages/paging";
import {
  HeartbeatReply,
  MAX_PAGE_BYTES,
  ObservedReply,
  PulledPage,
  Refusal,
  type Heartbeat,
  type ObservedReport,
  type PullRequest,
} from "@remotegpu/shared/messages/protocol";
import { Cut, GatewayAddress, type AccessReport, type KeySet } from "@remotegpu/shared/instance/ssh-access";
import { StorageReply, type StorageRequest } from "@remotegpu/shared/messages/storage-sampling";
import { up, upObservedTo } from "@remotegpu/shared/messages/subjects";
import { decode, encode } from "@remotegpu/shared/messages/wire";
import { LinkDownError } from "./connection.ts";

const HEARTBEAT_WITHIN_MS = 5_000;
const PAGE_WITHIN_MS = 10_000;
/** The set changes while it is read, or a replica ends: start over this often, then leave it to the next wake. */
const MAX_ATTEMPTS = 4;
/** Kind, digest and numbers of a page. */
const ENVELOPE_BYTES = 1_024;

/** The control plane answered, and will not do it now. */
export class RequestRefusedError extends Error {
  override name = "RequestRefusedError";
}

/** All pages of one generation. */
export interface PulledDesiredSet {
  term: number;
  generation: number;
  confirmedStops: number | null;
  instances: DesiredInstance[];
  /** Orders in words of a later control plane, as they came. */
  notUnderstood: { order: BareOrder; raw: unknown }[];
  /** Why further entries are nobody's order; a host that has them goes on with all others. */
  unreadable: string[];
  leases: DesiredLease[] | undefined;
  fetches: DesiredFetch[] | undefined;
  keySets: KeySet[];
  cuts: Cut[];
  gateways: GatewayAddress[];
}

export interface ObservedStateReport {
  digest: string;
  machine: MachineReport | null;
  gpus: GpuReport[] | null;
  instances: ObservedInstance[];
  /** Null or absent: not to be told now. */
  leases?: ObservedLease[] | null | undefined;
  pulls?: ObservedPull[] | null | undefined;
  access?: AccessReport | null | undefined;
  kernelNotes?: KernelNote[] | null | undefined;
}

/** The part of a connection that requests need. */
interface Requester {
  request(subject: string, data: Uint8Array, options: { timeoutMs: number }): Promise<Uint8Array>;
}

/** All methods @throws LinkDownError, RequestRefusedError */
export class ControlPlaneClient {
  readonly #connection: Requester;
  readonly #host: HostId;

  constructor(connection: Requester, host: HostId) {
    this.#connection = connection;
    this.#host = host;
  }

  /** The round trip belongs into the next heartbeat. */
  async heartbeat(heartbeat: Heartbeat): Promise<{ reply: HeartbeatReply; roundTripMs: number }> {
    const sentMs = performance.now();
    const reply = await this.#request(up(this.#host, "hb"), heartbeat, HeartbeatReply, HEARTBEAT_WITHIN_MS);
    return { reply, roundTripMs: Math.ceil(performance.now() - sentMs) };
  }

  async pull(): Promise<PulledDesiredSet> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const desired = await this.#pullOneGeneration();
      if (desired !== null) return desired;
    }
    throw new RequestRefusedError(`the desired set changed during each of ${MAX_ATTEMPTS} pulls`);
  }

  async reportObserved(observed: ObservedStateReport): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#reportAllPages(observed);
        return;
      } catch (error) {
        // Only the pages after the first start over: a replica has ended or forgot what it had.
        if (!(error instanceof BrokenReportError) || attempt >= MAX_ATTEMPTS) throw error;
      }
    }
  }

  storage(request: StorageRequest): Promise<StorageReply> {
    return this.#request(up(this.#host, "storage"), request, StorageReply, PAGE_WITHIN_MS);
  }

  /** The answer is a secret: not to be written anywhere. */
  registryLogin(question: RegistryLoginQuestion): Promise<RegistryLoginReply> {
    return this.#request(up(this.#host, "login"), question, RegistryLoginReply, PAGE_WITHIN_MS);
  }

  /** Of what is placed on this very host. */
  async codePart({ sha256, part }: { sha256: string; part: number }): Promise<Uint8Array> {
    const question: CodeQuestion = { kind: "code-question", sha256, part };
    const { base64 } = await this.#request(up(this.#host, "code"), question, CodeReply, PAGE_WITHIN_MS);
    return Buffer.from(base64, "base64");
  }

  /** Null when a page was of another generation or term than the first. */
  async #pullOneGeneration(): Promise<PulledDesiredSet | null> {
    const first = await this.#pullPage({ kind: "pull", generation: null, page: 0 });
    if (first.pages > MAX_PAGES)
      throw new RequestRefusedError(`a desired set of ${first.pages} pages is not one`);
    const instances = [...first.instances];
    const keySets = [...(first.keySets ?? [])];
    for (let page = 1; page < first.pages; page += 1) {
      const next = await this.#pullPage({ kind: "pull", generation: first.generation, page });
      const isSameSet =
        next.generation === first.generation &&
        next.term === first.term &&
        next.pages === first.pages &&
        next.page === page;
      if (!isSameSet) return null;
      instances.push(...next.instances);
      keySets.push(...(next.keySets ?? []));
    }
    const { term, generation, confirmedStops, leases, fetches, cuts = [], gateways = [] } = first;
    return {
      term,
      generation,
      confirmedStops,
      ...ordersOf(instances),
      leases: leases && understood(DesiredLease, leases),
      fetches: fetches && understood(DesiredFetch, fetches),
      keySets: readKeySets(keySets),
      cuts: understood(Cut, cuts),
      gateways: understood(GatewayAddress, gateways),
    };
  }

  #pullPage(request: PullRequest): Promise<PulledPage> {
    return this.#request(up(this.#host, "pull"), request, PulledPage, PAGE_WITHIN_MS);
  }

  async #reportAllPages(observed: ObservedStateReport): Promise<void> {
    const { digest, machine, gpus, instances, leases, pulls, access, kernelNotes } = observed;
    // What goes along with the first page is not small: hundreds of leases, images and sessions, cards with their reasons.
    const whole = { machine, gpus, leases, pulls, access, kernelNotes };
    const nothing = { machine: null, gpus: null, leases: null, pulls: null, access: null, kernelNotes: null };
    const pages = pagesOf(instances, MAX_PAGE_BYTES - ENVELOPE_BYTES - encode(whole).byteLength);
    const pageOf = (page: number): ObservedReport => ({
      kind: "observed",
      digest,
      page,
      pages: pages.length,
      ...(page === 0 ? whole : nothing),
      instances: pages[page] ?? [],
    });
    const { replica } = await this.#request(up(this.#host, "obs"), pageOf(0), ObservedReply, PAGE_WITHIN_MS);
    for (let page = 1; page < pages.length; page += 1) {
      try {
        await this.#request(upObservedTo(this.#host, replica), pageOf(page), ObservedReply, PAGE_WITHIN_MS);
      } catch (cause) {
        throw new BrokenReportError(`page ${page} of the report was not taken`, { cause });
      }
    }
  }

  async #request<T>(subject: string, message: object, schema: z.ZodType<T>, timeoutMs: number): Promise<T> {
    const bytes = await this.#connection.request(subject, encode(message), { timeoutMs });
    const refused = decode(Refusal, bytes);
    if (refused.ok) throw new RequestRefusedError(refused.message.reason);
    const answer = decode(schema, bytes);
    if (!answer.ok) throw new LinkDownError(`an answer on ${subject} makes no sense: ${answer.reason}`);
    return answer.message;
  }
}

function ordersOf(
  entries: readonly unknown[],
): Pick<PulledDesiredSet, "instances" | "notUnderstood" | "unreadable"> {
  const orders: Pick<PulledDesiredSet, "instances" | "notUnderstood" | "unreadable"> = {
    instances: [],
    notUnderstood: [],
    unreadable: [],
  };
  for (const entry of entries) {
    const read = readOrder(entry);
    switch (read.kind) {
      case "understood":
        orders.instances.push(read.order);
        break;
      case "not-understood":
        orders.notUnderstood.push(read);
        break;
      case "unreadable":
        orders.unreadable.push(read.why);
        break;
    }
  }
  return orders;
}

/** A report that has to start over. */
class BrokenReportError extends RequestRefusedError {
  override name = "BrokenReportError";
}
