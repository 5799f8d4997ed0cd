/**
 * Where one GPU spoils the answer of all, the others are queried singly and the bad one gets a name. Nothing is said of a
 * GPU that nobody can be heard about: while none answers and none is named, the failure stays that of the host.
 */
import type { GpuReport } from "@remotegpu/shared/messages/host-report";
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import { signOf, type Sign } from "../../../core/gpus/gpu-condition.ts";
import { exitMeaning } from "../../../core/gpus/query-exits.ts";
import { isSameGpu, remarksIn, type GpuPlace, type Remark } from "../../../core/gpus/query-remarks.ts";
import { busKey } from "../../../core/gpus/kernel-lines/xid-line.ts";
import { parseGpuList, type ListedGpu } from "./gpu-list.ts";
import type { GpuAnswers, GpuQuery } from "./gpu-query.ts";
import { NvidiaSmiError } from "./nvidia-smi-error.ts";

/** A GPU that is there, of which this sample has no values. */
export type BadGpu = { uuid: GpuUuid; sign: Sign; listed: ListedGpu | null };

/** As many children at once; each of the others waits for one of them. */
const AT_ONCE = 16;
/** Of the list, which touches the bad GPU as well: what it adds is not worth more of the sample's time. */
const LIST_WITHIN_MS = 2_000;
/** The part of all single queries' time that one must have had before its silence says anything of its GPU: 2 s of 10 s. */
const LEAST_PART = 0.2;

type Candidate = GpuPlace & { uuid: GpuUuid; listed: ListedGpu | null };
type Outcome =
  | { kind: "answered"; answers: GpuAnswers }
  /** `sign` is null where only silence or garbage came back. */
  | { kind: "failed"; sign: Sign | null; isSilent: boolean }
  /** There was no time left to hear it out. */
  | { kind: "unread" }
  /** No longer there, by its own query and by the list. */
  | { kind: "gone" };

/** Whether a query of all may have failed for the sake of one; one that hangs may too, but tells nothing by itself. */
export function mayBeOneGpu({ kind, end }: NvidiaSmiError): boolean {
  return kind === "garbage" && (end === null || exitMeaning(end.exitCode).kind !== "host");
}

/** `unread` are GPUs of which the sample says nothing at all, for want of time. */
export type SingleAnswers = { answers: GpuAnswers; bad: BadGpu[]; unread: GpuUuid[] };

/**
 * @param failure of the query of all
 * @param known GPUs of the sample before
 * @param withinMs all single queries together, beside the time that the query of all took
 * @throws NvidiaSmiError the failure, where nothing can be said of any GPU
 */
export async function singleAnswers({
  query,
  failure,
  known,
  withinMs,
}: {
  query: GpuQuery;
  failure: NvidiaSmiError;
  known: ReadonlyMap<GpuUuid, GpuReport>;
  withinMs: number;
}): Promise<SingleAnswers> {
  const list = await listOf(query, performance.now() + Math.min(LIST_WITHIN_MS, withinMs));
  const candidates = candidatesOf(known, list.gpus);
  const remarks = failure.end === null ? [] : remarksIn(failure.end.output, failure.end.exitCode);
  const named = candidates.flatMap((gpu) => {
    const sign = signNaming(gpu, remarks);
    return sign === null ? [] : [{ ...gpu, sign }];
  });
  const others = candidates.filter(({ uuid }) => !named.some((gpu) => gpu.uuid === uuid));
  const time = { deadlineAt: performance.now() + withinMs, leastMs: withinMs * LEAST_PART };
  const outcomes = await eachAtOnce(others, async (gpu) => ({
    gpu,
    outcome: await outcomeOf(gpu, { query, isListWhole: list.isWhole, ...time }),
  }));
  const answers = outcomes.flatMap(({ outcome }) => (outcome.kind === "answered" ? [outcome.answers] : []));
  const bad = [...named, ...outcomes.flatMap((one) => badOf(one, answers.length > 0) ?? [])];
  if (answers.length === 0 && !bad.some(({ sign }) => sign.code !== "no-answer")) throw failure;
  const unread = outcomes.flatMap(({ gpu, outcome }) => (outcome.kind === "unread" ? [gpu.uuid] : []));
  return { answers: joined(answers, remarks), bad, unread };
}

type Requesting = { query: GpuQuery; deadlineAt: number; leastMs: number; isListWhole: boolean };

/** @throws NvidiaSmiError missing: there is nobody left to ask */
async function outcomeOf(
  { uuid, listed }: Candidate,
  { query, deadlineAt, leastMs, isListWhole }: Requesting,
): Promise<Outcome> {
  if (deadlineAt - performance.now() < leastMs) return { kind: "unread" };
  const mayBeGone = listed === null && isListWhole;
  try {
    const answers = await query.answers({ deadlineAt, lane: uuid, only: uuid });
    if (answers.answers.some(({ csv }) => csv.uuid === uuid)) return { kind: "answered", answers };
    const [sign = null] = answers.unidentified.flatMap(({ condition }) => condition.sign ?? []);
    if (answers.unidentified.length > 0) return { kind: "failed", sign, isSilent: false };
    return notFound(mayBeGone);
  } catch (error) {
    if (!(error instanceof NvidiaSmiError) || error.kind === "missing") throw error;
    if (error.end === null) return { kind: "failed", sign: null, isSilent: error.kind === "hung" };
    const { kind, sign } = exitMeaning(error.end.exitCode);
    if (kind === "nothing-found") return notFound(mayBeGone);
    return { kind: "failed", sign: signOfRemark(error.end) ?? sign, isSilent: false };
  }
}

/** Without the whole list nobody knows that it is gone. */
function notFound(mayBeGone: boolean): Outcome {
  return mayBeGone ? { kind: "gone" } : { kind: "failed", sign: signOf("gpu-lost"), isSilent: false };
}

/** Only one was asked about, so that a remark is about it. */
function signOfRemark({ output, exitCode }: { output: string; exitCode: number }): Sign | null {
  const [sign = null] = remarksIn(output, exitCode).flatMap((one) => (one.kind === "sign" ? [one.sign] : []));
  return sign;
}

/** Garbage tells of a GPU only where others do answer; else it may be the tool that is broken. */
function badOf(
  { gpu, outcome }: { gpu: Candidate; outcome: Outcome },
  doOthersAnswer: boolean,
): BadGpu | null {
  if (outcome.kind !== "failed") return null;
  const weight = doOthersAnswer && !outcome.isSilent ? "open" : "silence";
  return { uuid: gpu.uuid, listed: gpu.listed, sign: outcome.sign ?? signOf("no-answer", weight) };
}

/** Also by a list that ends with an error: what it says of some GPUs is true, and of others it says nothing. */
async function listOf(query: GpuQuery, deadlineAt: number): Promise<{ gpus: ListedGpu[]; isWhole: boolean }> {
  try {
    const { stdout } = await query.request(["-L"], { deadlineAt, lane: "list" });
    return { gpus: parseGpuList(stdout), isWhole: true };
  } catch (error) {
    if (!(error instanceof NvidiaSmiError) || error.kind === "missing") throw error;
    return { gpus: parseGpuList(error.end?.output ?? ""), isWhole: false };
  }
}

function candidatesOf(known: ReadonlyMap<GpuUuid, GpuReport>, listed: readonly ListedGpu[]): Candidate[] {
  const listing = new Map(listed.map((gpu) => [gpu.uuid, gpu]));
  return [...new Set([...known.keys(), ...listing.keys()])].map((uuid) => ({
    uuid,
    busKey: busKey(known.get(uuid)?.pciBusId ?? null),
    index: known.get(uuid)?.index ?? listing.get(uuid)?.index ?? null,
    listed: listing.get(uuid) ?? null,
  }));
}

function signNaming(gpu: GpuPlace, remarks: readonly Remark[]): Sign | null {
  const [sign = null] = remarks.flatMap((remark) =>
    remark.kind === "sign" && isSameGpu(remark, gpu) ? [remark.sign] : [],
  );
  return sign;
}

function joined(all: readonly GpuAnswers[], remarks: readonly Remark[]): GpuAnswers {
  return {
    answers: all.flatMap(({ answers }) => answers),
    unidentified: all.flatMap(({ unidentified }) => unidentified),
    processes: all.flatMap(({ processes }) => processes),
    remarks: [...all.flatMap((one) => one.remarks), ...remarks],
  };
}

async function eachAtOnce<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const queue = [...items.entries()];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [at, item] = next;
      results[at] = await work(item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker));
  return results;
}
