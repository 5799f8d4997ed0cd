/** The sentences that say to people why time is free: in the credit's entry, in events and with the run. */
import type { InstanceState } from "@remotegpu/shared/values/workload";
import { faultText } from "../../hosts/card-fault.ts";

export function outageSentence(outage: {
  gpuUuid: string;
  lastGoodAt: Date;
  noticedAt: Date;
  vanishedAt: Date | null;
  recoveredAt: Date | null;
  fault: string | null;
  faultCode: string | null;
}): string {
  const { gpuUuid, noticedAt, vanishedAt, recoveredAt } = outage;
  const fault =
    outage.fault === null ? "" : ` (${faultText({ reason: outage.fault, code: outage.faultCode })})`;
  // A card may fail first and vanish later; the first of them is what took it away.
  const what = vanishedAt !== null && vanishedAt.getTime() <= noticedAt.getTime() ? "vanished" : "failed";
  const later = vanishedAt !== null && vanishedAt > noticedAt ? `, and vanished at ${utc(vanishedAt)}` : "";
  const end = recoveredAt === null ? "" : `; it was well again at ${utc(recoveredAt)}`;
  return `${gpuUuid} was last seen healthy at ${utc(outage.lastGoodAt)} and ${what} at ${utc(noticedAt)}${fault}${later}${end}.`;
}

export function deathSentence(death: {
  hostName: string;
  cause: "rebooted" | "lost";
  lastHeardAt: Date;
  noticedAt: Date;
  readyAgainAt: Date | null;
}): string {
  const { hostName, cause, lastHeardAt, noticedAt, readyAgainAt } = death;
  const what = cause === "lost" ? "declared lost" : "found to have started anew";
  const end = readyAgainAt === null ? "" : `; the instance was ready again at ${utc(readyAgainAt)}`;
  return `Host ${hostName} was last heard at ${utc(lastHeardAt)} and ${what} at ${utc(noticedAt)}${end}.`;
}

export function neverReadySentence(run: {
  orderedAt: Date;
  state: InstanceState;
  orderedBy: string | null;
  detail: string | null;
}): string {
  const { orderedAt, orderedBy, detail } = run;
  const stopped = orderedBy === null ? "" : ` before it was stopped by ${NAMED[orderedBy] ?? orderedBy}`;
  const ended = run.state === "failed" || run.state === "lost" ? " before it failed" : stopped;
  const word = detail === null || detail === "" ? "" : ` Its host said: ${detail.slice(0, MAX_DETAIL)}`;
  return `Ordered at ${utc(orderedAt)}, it was never ready${ended}.${word}`;
}

export function loadingSentence({ hour, minutes }: { hour: Date; minutes: number }): string {
  return `A replica that loads is free for its payer, one at a time, for ${minutes} minutes of each hour (UTC); this was of the hour from ${utc(hour)} on.`;
}

/** It goes into a ledger entry, which nobody can shorten afterwards. */
const MAX_DETAIL = 300;

const NAMED: Readonly<Record<string, string>> = {
  customer: "its customer",
  admin: "an administrator",
  account: "the lack of money",
  limit: "a limit",
  "control-plane": "RemoteGPU",
};

/** To the second: finer than any two clocks agree here. */
function utc(at: Date): string {
  return `${at.toISOString().slice(0, 19)}Z`;
}
