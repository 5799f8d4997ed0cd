/**
 * Puts the pages of a host's observed report together. One unfinished report per host, of one digest, in order:
 * anything else starts over, which costs the host one more report.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { KernelNote } from "@remotegpu/shared/instance/gpu-errors";
import type { GpuReport, MachineReport } from "@remotegpu/shared/messages/host-report";
import type { ObservedPull } from "@remotegpu/shared/instance/image-fetch";
import type { BareRun, ObservedInstance } from "@remotegpu/shared/instance/instance";
import type { ObservedLease } from "@remotegpu/shared/instance/lease";
import { MAX_OBSERVED_INSTANCES, type ObservedReport } from "@remotegpu/shared/messages/protocol";
import type { AccessReport } from "@remotegpu/shared/instance/ssh-access";

const UNFINISHED_LIVES_MS = 30_000;
const MAX_UNFINISHED = 64;
/** Room for more than a thousand instances; a host that claims more is not believed. */
const MAX_REPORT_PAGES = 16;

/** A page of which what comes one by one was read. */
export type ReadPage = ObservedReport & { notUnderstood?: readonly BareRun[] };

/** Everything a host observed, under the digest it names. */
export interface WholeReport {
  digest: string;
  machine: MachineReport | null;
  gpus: GpuReport[] | null;
  instances: ObservedInstance[];
  /** Runs that are there, told in words of a later agent. */
  notUnderstood: BareRun[];
  /** Null: not told this time, so nothing has changed. */
  leases: ObservedLease[] | null;
  /** Likewise. */
  pulls: ObservedPull[] | null;
  /** Who is in and was; likewise. */
  access: AccessReport | null;
  /** What the kernel log said of GPUs that closes none; absent or null: likewise. */
  kernelNotes?: KernelNote[] | null;
}

type Taken =
  | { state: "partial" }
  | { state: "whole"; report: WholeReport }
  | { state: "refused"; reason: string };

interface Unfinished {
  report: WholeReport;
  nextPage: number;
  pages: number;
  lastPageAtMs: number;
}

export class ReportAssembly {
  readonly #unfinished = new Map<HostId, Unfinished>();

  /** `nowMs` is any clock that only goes forward. */
  take(host: HostId, page: ReadPage, nowMs: number): Taken {
    this.#forgetAbandoned(nowMs);
    if (page.pages > MAX_REPORT_PAGES)
      return { state: "refused", reason: `a report has at most ${MAX_REPORT_PAGES} pages` };
    const before = page.page === 0 ? this.#begin(page) : this.#unfinished.get(host);
    if (
      before?.nextPage !== page.page ||
      before.pages !== page.pages ||
      before.report.digest !== page.digest
    ) {
      this.#unfinished.delete(host);
      return { state: "refused", reason: "this page does not follow the one before; start over" };
    }
    const { instances, notUnderstood } = before.report;
    const { notUnderstood: further = [] } = page;
    const count = instances.length + notUnderstood.length + page.instances.length + further.length;
    if (count > MAX_OBSERVED_INSTANCES) {
      this.#unfinished.delete(host);
      return { state: "refused", reason: `a host has at most ${MAX_OBSERVED_INSTANCES} instances` };
    }
    instances.push(...page.instances);
    notUnderstood.push(...further);
    before.nextPage += 1;
    before.lastPageAtMs = nowMs;
    this.#unfinished.delete(host);
    if (before.nextPage === before.pages) return { state: "whole", report: before.report };
    if (this.#unfinished.size >= MAX_UNFINISHED) {
      return { state: "refused", reason: "too many unfinished reports; try again" };
    }
    this.#unfinished.set(host, before);
    return { state: "partial" };
  }

  #begin({ digest, machine, gpus, leases, pulls, access, kernelNotes, pages }: ObservedReport): Unfinished {
    const mayBeUntold = {
      leases: leases ?? null,
      pulls: pulls ?? null,
      access: access ?? null,
      kernelNotes: kernelNotes ?? null,
    };
    const report = { digest, machine, gpus, instances: [], notUnderstood: [], ...mayBeUntold };
    return { report, nextPage: 0, pages, lastPageAtMs: 0 };
  }

  #forgetAbandoned(nowMs: number): void {
    for (const [host, { lastPageAtMs }] of this.#unfinished) {
      if (nowMs - lastPageAtMs > UNFINISHED_LIVES_MS) this.#unfinished.delete(host);
    }
  }
}
