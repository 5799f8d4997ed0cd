/**
 * Where one GPU spoils the answer of all, the others are queried singly and the bad one gets a name. Nothing is said of a
 * GPU that nobody can be heard about: while none answers and none is named, the failure stays that of the host.
 */
import type { GpuReport } from "@remotegpu/shared/host-report";
import type { GpuUuid } from "@remotegpu/shared/ids";
import { signOf, type Sign } from "../../core/gpus/gpu-condition.ts";
import { exitMeaning } from "../../core/gpus/query-exits.ts";
import { isSameGpu, remarksIn, type GpuPlace, type Remark } from "../../core/gpus/query-remarks.ts";
import { busKey } from "../../core/gpus/xid-line.ts";
import { parseGpuList, type ListedGpu } from "./gpu-list.ts";
import type { GpuAnswers, GpuQuery } from "./gpu-query.ts";
import { NvidiaSmiError } from "./nvidia-smi-error.ts";

/** A GPU that is there, of which this sample has no values. */
export type BadGpu = { uuid: GpuUuid; sign: Sign; listed: ListedGpu | null };

/** As many children at once; each of the others waits for one of them. */
const AT_ONCE = 16;

type Candidate = GpuPlace & { uuid: GpuUuid; listed: ListedGpu | null };
type Outcome =
  | { kind: "answered"; answers: GpuAnswers }
  /** `sign` is null where only silence or garbage came back. */
  | { kind: "failed"; sign: Sign | null; isSilent: boolean }
  /** No longer there, by its own query and by the list. */
  | { kind: "gone" };

/** Whether a query of all may have failed for the sake of one. */
export function mayBeOneGpu({ kind, end }: NvidiaSmiError): boolean {
  return kind === "garbage" && (end === null || exitMeaning(end.exitCode).kind !== "host");
}

/**
 * @param failure of the query of all
 * @param known GPUs of the sample before
 * @throws NvidiaSmiError the failure, where nothing can be said of any GPU
 */
export async function singleAnswers({
  query,
  failure,
  known,
  deadlineAt,
}: {
  query: GpuQuery;
  failure: NvidiaSmiError;
  known: ReadonlyMap<GpuUuid, GpuReport>;
  deadlineAt: number;
}): Promise<{ answers: GpuAnswers; bad: BadGpu[] }> {
  const candidates = candidatesOf(known, await listedGpus(query, deadlineAt));
  const remarks = failure.end === null ? [] : remarksIn(failure.end.output, failure.end.exitCode);
  const named = candidates.flatMap((gpu) => {
    const sign = signNaming(gpu, remarks);
    return sign === null ? [] : [{ ...gpu, sign }];
  });
  const others = candidates.filter(({ uuid }) => !named.some((gpu) => gpu.uuid === uuid));
  const outcomes = await eachAtOnce(others, async (gpu) => ({
    gpu,
    outcome: await outcomeOf(gpu, { query, deadlineAt }),
  }));
  const answers = outcomes.flatMap(({ outcome }) => (outcome.kind === "answered" ? [outcome.answers] : []));
  const bad = [...named, ...outcomes.flatMap((one) => badOf(one, answers.length > 0) ?? [])];
  if (answers.length === 0 && !bad.some(({ sign }) => sign.code !== "no-answer")) throw failure;
  return { answers: joined(answers, remarks), bad };
}

/** @throws NvidiaSmiError missing: there is nobody left to ask */
async function outcomeOf(
  { uuid, listed }: Candidate,
  { query, deadlineAt }: { query: GpuQuery; deadlineAt: number },
): Promise<Outcome> {
  try {
    const answers = await query.answers({ deadlineAt, lane: uuid, only: uuid });
    if (answers.answers.some(({ csv }) => csv.uuid === uuid)) return { kind: "answered", answers };
    const [sign = null] = answers.unidentified.flatMap(({ condition }) => condition.sign ?? []);
    if (answers.unidentified.length > 0) return { kind: "failed", sign, isSilent: false };
    return notFound(listed);
  } catch (error) {
    if (!(error instanceof NvidiaSmiError) || error.kind === "missing") throw error;
    if (error.end === null) return { kind: "failed", sign: null, isSilent: error.kind === "hung" };
    const { kind, sign } = exitMeaning(error.end.exitCode);
    if (kind === "nothing-found") return notFound(listed);
    return { kind: "failed", sign: signOfRemark(error.end) ?? sign, isSilent: false };
  }
}

function notFound(listed: ListedGpu | null): Outcome {
  return listed === null ? { kind: "gone" } : { kind: "failed", sign: signOf("gpu-lost"), isSilent: false };
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

/** Also by a list that ends with an error: what it says of some GPUs is true. */
async function listedGpus(query: GpuQuery, deadlineAt: number): Promise<ListedGpu[]> {
  try {
    const { stdout } = await query.ask(["-L"], { deadlineAt, lane: "list" });
    return parseGpuList(stdout);
  } catch (error) {
    if (!(error instanceof NvidiaSmiError) || error.kind === "missing") throw error;
    return parseGpuList(error.end?.output ?? "");
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
