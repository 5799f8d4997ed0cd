/**
 * Which hosts are not reached where they say they are, on which the canary got through or could not be tried, and whose
 * programs have open CVEs.
 */
import type { Finding } from "@remotegpu/shared/doctor";
import {
  CANARY_IS_OLD_MS,
  canaryReason,
  FAILURES_REPORTED,
  unclearSentence,
} from "../../core/hosts/canary.ts";
import { openCveSentences } from "../../core/hosts/versions/cve-words.ts";
import { inEnglish } from "../../core/reasons/english/english.ts";
import { waivedCves } from "../../core/hosts/versions/cve-waiver.ts";
import type { Connection } from "../database/database.ts";
import { CANARY, type CanaryRow } from "../hosts/host-canaries.ts";
import { ADDRESS, type AddressRow, verdictOf } from "../hosts/host-addresses.ts";
import { vulnerableHosts } from "../hosts/host-versions.ts";
import { type Found, MAX_LISTED, type Question } from "./question.ts";

export const HOST_QUESTIONS: readonly Question[] = [
  {
    check: "host-addresses-are-confirmed",
    claim: "Nobody is sent to an address only because a host reports it.",
    request: unconfirmedHosts,
  },
  {
    check: "canaries-are-refused",
    claim: "What every container must be refused is tried on each host, and refused.",
    request: canaries,
  },
  {
    check: "host-software-is-mended",
    claim: "No CVE is known to be open on a host that nobody has waived.",
    request: hostsToUpdate,
  },
];

const WHAT_TO_DO =
  "Gateways reach these hosts by what the hosts dial, customers get no address of their ports, and jobs over several hosts go elsewhere. Where that is not meant: `remotegpu host confirm-address`, or HOST_NETWORKS; behind a proxy, TRUSTED_PROXIES.";

const HOSTS_CHECKED = 10_000;
const WHO_SHARES =
  "By what the hosts report; `remotegpu host versions` shows all of it. REFUSE_SHARED_VULNERABLE_HOSTS keeps such hosts to one payer at a time, `remotegpu host waive-cves` accepts what is open.";

async function hostsToUpdate(sql: Connection, now: Date): Promise<Found> {
  const hosts = await vulnerableHosts(sql, { now, simulated: "with", limit: HOSTS_CHECKED });
  const vulnerable = hosts.flatMap(({ hostId, hostName, isSimulated, findings, waiver }) => {
    const sentences = openCveSentences(findings, waivedCves(waiver, now));
    const kind = isSimulated ? ", simulated" : "";
    return sentences.length === 0 ? [] : [`Host ${hostName} (${hostId}${kind}): ${sentences.join(" ")}`];
  });
  if (vulnerable.length === 0) return { count: 0, findings: [] };
  const more = vulnerable.length - MAX_LISTED;
  const notes = [...vulnerable.slice(0, MAX_LISTED), ...(more > 0 ? [`And ${more} more.`] : []), WHO_SHARES];
  return { count: 0, findings: [], notes };
}

async function unconfirmedHosts(sql: Connection): Promise<Found> {
  const { rows } = await sql.query<{ id: string; name: string; address: AddressRow }>(
    `SELECT h.id, h.name, ${ADDRESS} AS address FROM hosts h
      WHERE h.deleted_at IS NULL AND h.revoked_at IS NULL AND h.connection <> 'never' ORDER BY h.id`,
    [],
  );
  const unconfirmed = rows.flatMap(({ id, name, address }) => {
    const verdict = verdictOf(address);
    return verdict.isConfirmed ? [] : [`Host ${name} (${id}): ${inEnglish(verdict.reason)}`];
  });
  if (unconfirmed.length === 0) return { count: 0, findings: [] };
  const more = unconfirmed.length - MAX_LISTED;
  const notes = [...unconfirmed.slice(0, MAX_LISTED), ...(more > 0 ? [`And ${more} more.`] : []), WHAT_TO_DO];
  return { count: 0, findings: [], notes };
}

interface CanaryOfHost {
  id: string;
  name: string;
  canary: CanaryRow;
}

async function canaries(sql: Connection, now: Date): Promise<Found> {
  const { rows } = await sql.query<CanaryOfHost>(
    `SELECT h.id, h.name, ${CANARY} AS canary FROM hosts h JOIN host_canaries c ON c.host_id = h.id
      WHERE h.deleted_at IS NULL AND h.revoked_at IS NULL ORDER BY h.id`,
    [],
  );
  const findings = rows.flatMap(canaryFinding);
  const notes = rows.flatMap((row) => canaryNote(row, now)).slice(0, MAX_LISTED);
  return {
    count: findings.length,
    findings: findings.slice(0, MAX_LISTED),
    ...(notes.length > 0 && { notes }),
  };
}

function canaryFinding({ id, canary }: CanaryOfHost): Finding[] {
  const { outcome, succeeded, failures, detail } = canary;
  const subject = { host: id };
  // Switched off, it has nothing to show any more, and nothing would ever end the finding.
  if (outcome === "off") return [];
  if (succeeded.length > 0)
    return [{ finding: "isolation-broken", subject, sentence: inEnglish(canaryReason(succeeded)) }];
  if (failures < FAILURES_REPORTED) return [];
  const sentence = `Its last ${failures} canaries found out nothing. ${detail ?? ""}`.trim();
  return [{ finding: "canary-failed", subject, sentence }];
}

function canaryNote({ id, name, canary }: CanaryOfHost, now: Date): string[] {
  const { outcome, unclear, detail, tried_at: triedAt } = canary;
  const host = `Host ${name} (${id})`;
  if (outcome === "off") return [`${host}: its canary is switched off.`];
  const isOld = triedAt === null || now.getTime() - Date.parse(triedAt) > CANARY_IS_OLD_MS;
  const since = triedAt === null ? "ever" : `since ${new Date(triedAt).toISOString()}`;
  return [
    ...(outcome === "left-out" && isOld
      ? [`${host}: no canary was tried ${since}. ${detail ?? ""}`.trim()]
      : []),
    ...(unclear.length > 0 ? [`${host}: ${unclearSentence(unclear)}`] : []),
  ];
}
