/** The reasons that say to people why time is free: in the credit's entry, in events and with the run. */
import type { InstanceState } from "@remotegpu/shared/values/workload";
import { whyFaulty } from "../../hosts/card-fault.ts";
import { asReported, type Reason } from "../../reasons/reason.ts";

export function outageSentence(outage: {
  gpuUuid: string;
  lastGoodAt: Date;
  noticedAt: Date;
  vanishedAt: Date | null;
  recoveredAt: Date | null;
  fault: string | null;
  faultCode: string | null;
}): Reason {
  const { noticedAt, vanishedAt, recoveredAt } = outage;
  const isLater = vanishedAt !== null && vanishedAt > noticedAt;
  const first = firstOfOutage(outage);
  const what: Reason = isLater
    ? { code: "gpu-vanished-later", params: { what: first, vanished_at: utc(vanishedAt) } }
    : first;
  return recoveredAt === null
    ? what
    : { code: "gpu-recovered-at", params: { what, recovered_at: utc(recoveredAt) } };
}

/** A card may fail first and vanish later; the first of them is what took it away. */
function firstOfOutage(outage: Omit<Parameters<typeof outageSentence>[0], "recoveredAt">): Reason {
  const { gpuUuid, lastGoodAt, noticedAt, vanishedAt, fault, faultCode } = outage;
  const params = { gpu_uuid: gpuUuid, last_good_at: utc(lastGoodAt), noticed_at: utc(noticedAt) };
  const code = vanishedAt !== null && vanishedAt <= noticedAt ? "gpu-vanished-between" : "gpu-broken-between";
  if (fault === null) return { code, params };
  return {
    code: `${code}-because`,
    params: { ...params, why: whyFaulty({ reason: fault, code: faultCode, why: null }) },
  };
}

export function deathSentence(death: {
  hostName: string;
  cause: "rebooted" | "lost";
  lastHeardAt: Date;
  noticedAt: Date;
  readyAgainAt: Date | null;
}): Reason {
  const { hostName, cause, lastHeardAt, noticedAt, readyAgainAt } = death;
  const params = { host_name: hostName, last_heard_at: utc(lastHeardAt), noticed_at: utc(noticedAt) };
  const what: Reason = { code: cause === "lost" ? "host-lost-between" : "host-died-between", params };
  return readyAgainAt === null
    ? what
    : { code: "instance-ready-again", params: { what, ready_again_at: utc(readyAgainAt) } };
}

export function neverReadySentence(run: {
  orderedAt: Date;
  state: InstanceState;
  orderedBy: string | null;
  detail: string | null;
}): Reason {
  const { detail } = run;
  const what = neverReady(run);
  if (detail === null || detail === "") return what;
  return { code: "with-detail-of-host", params: { what, detail: detail.slice(0, MAX_DETAIL) } };
}

function neverReady({
  orderedAt,
  state,
  orderedBy,
}: Omit<Parameters<typeof neverReadySentence>[0], "detail">): Reason {
  const params = { ordered_at: utc(orderedAt) };
  if (state === "failed" || state === "lost") return { code: "run-never-ready-failed", params };
  if (orderedBy === null) return { code: "run-never-ready", params };
  const by = NAMED[orderedBy] ?? asReported(orderedBy);
  return { code: "run-never-ready-stopped", params: { ...params, by } };
}

export function loadingSentence({ hour, minutes }: { hour: Date; minutes: number }): Reason {
  return { code: "replica-loading-free", params: { minutes, hour: utc(hour) } };
}

/** It goes into a ledger entry, which nobody can shorten afterwards. */
const MAX_DETAIL = 300;

const NAMED: Readonly<Record<string, Reason>> = {
  customer: { code: "by-its-customer", params: {} },
  admin: { code: "by-an-administrator", params: {} },
  account: { code: "by-lack-of-money", params: {} },
  limit: { code: "by-a-limit", params: {} },
  "control-plane": { code: "by-control-plane", params: {} },
};

/** To the second: finer than any two clocks agree here. */
function utc(at: Date): string {
  return `${at.toISOString().slice(0, 19)}Z`;
}
