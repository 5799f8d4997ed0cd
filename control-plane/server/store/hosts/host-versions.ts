/**
 * What hosts report of what they run containers with, and which CVEs are open there. The report is kept as it came, so that
 * a release with another table judges it anew; what is open stands beside it for those who place.
 */
import { HostVersions } from "@remotegpu/shared/messages/host-versions";
import { CVE_TABLE_EDITION } from "../../core/hosts/versions/cve-table.ts";
import { cveFindings, type CveFinding, isOpen } from "../../core/hosts/versions/cve-verdict.ts";
import type { CveWaiver } from "../../core/hosts/versions/cve-waiver.ts";
import { openCveSentences } from "../../core/hosts/versions/cve-words.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { hasUnwaivedCve } from "./cve-waivers.ts";

/** Judged anew in one transaction; more are by those after it. */
const MAX_JUDGED_AT_ONCE = 200;

/** A row that says the same is left as it is, but for what another edition of the table finds in it. */
export async function putHostVersions(
  sql: Connection,
  { hostId, versions, now }: { hostId: string; versions: HostVersions; now: Date },
): Promise<void> {
  await sql.change(
    `INSERT INTO host_versions AS v (host_id, reported, reported_at, open_cves, table_edition) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (host_id) DO UPDATE SET reported = EXCLUDED.reported, open_cves = EXCLUDED.open_cves,
            table_edition = EXCLUDED.table_edition,
            reported_at = CASE WHEN v.reported = EXCLUDED.reported THEN v.reported_at ELSE EXCLUDED.reported_at END
      WHERE (v.reported, v.open_cves, v.table_edition)
            IS DISTINCT FROM (EXCLUDED.reported, EXCLUDED.open_cves, EXCLUDED.table_edition)`,
    [hostId, JSON.stringify(versions), now, openCvesOf(versions), CVE_TABLE_EDITION],
  );
}

function openCvesOf(versions: HostVersions): string[] {
  return cveFindings(versions)
    .filter(isOpen)
    .map(({ id }) => id);
}

/** Those that another release has judged, by this one's table. True where there may be more. */
export async function judgeAnew(sql: Transaction): Promise<boolean> {
  const { rows } = await sql.query<{ host_id: string; reported: unknown }>(
    `SELECT host_id, reported FROM host_versions WHERE table_edition <> $1
      ORDER BY host_id LIMIT $2 FOR NO KEY UPDATE`,
    [CVE_TABLE_EDITION, MAX_JUDGED_AT_ONCE],
  );
  for (const { host_id: hostId, reported } of rows) await putVerdicts(sql, hostId, reported);
  return rows.length === MAX_JUDGED_AT_ONCE;
}

/** The report stays as it came. Of one that nobody can read what was found before stays too. */
async function putVerdicts(sql: Transaction, hostId: string, reported: unknown): Promise<void> {
  const read = HostVersions.safeParse(reported);
  await sql.change(
    "UPDATE host_versions SET open_cves = coalesce($2::text[], open_cves), table_edition = $3 WHERE host_id = $1",
    [hostId, read.success ? openCvesOf(read.data) : null, CVE_TABLE_EDITION],
  );
}

/** A release of later may have written what this one does not know; what is understood of it counts. */
function readReport(reported: unknown): HostVersions {
  const read = HostVersions.safeParse(reported);
  return read.success ? read.data : { distribution: { id: "", release: "", like: [] }, components: [] };
}

/** The versions that the host `h` reported, and which CVEs of it are waived now. Null where it has reported nothing. */
export const REPORTED_VERSIONS = `(SELECT jsonb_build_object('reported', v.reported, 'waived',
      CASE WHEN w.host_id IS NULL OR w.expires_at <= now() THEN '{}'::text[] ELSE w.cves END)
    FROM host_versions v LEFT JOIN host_cve_waivers w ON w.host_id = v.host_id WHERE v.host_id = h.id)`;

/** As REPORTED_VERSIONS reads it. */
export interface ReportedVersions {
  reported: unknown;
  waived: string[];
}

/** What is open by the table of this release, and what can be done about what is not waived. */
export function openCves(versions: ReportedVersions | null): {
  open: string[];
  waived: string[];
  sentences: string[];
} {
  const findings = versions === null ? [] : cveFindings(readReport(versions.reported)).filter(isOpen);
  const isWaived = new Set(versions?.waived);
  return {
    open: findings.map(({ id }) => id),
    waived: findings.map(({ id }) => id).filter((id) => isWaived.has(id)),
    sentences: openCveSentences(findings, isWaived),
  };
}

export interface HostVersionsRow {
  hostId: string;
  hostName: string;
  isSimulated: boolean;
  reported: HostVersions;
  reportedAt: Date;
  findings: CveFinding[];
  waiver: (CveWaiver & { waivedBy: number | null; waivedAt: Date }) | null;
}

interface VersionsRow {
  host_id: string;
  name: string;
  simulated: boolean;
  reported: unknown;
  reported_at: Date;
  reason: string | null;
  cves: string[] | null;
  waived_by: number | null;
  waived_at: Date | null;
  expires_at: Date | null;
}

const VERSIONS = `SELECT v.host_id, h.name, h.simulated, v.reported, v.reported_at, w.reason, w.cves, w.waived_by,
    w.waived_at, w.expires_at
  FROM host_versions v JOIN hosts h ON h.id = v.host_id LEFT JOIN host_cve_waivers w ON w.host_id = v.host_id
 WHERE h.deleted_at IS NULL AND h.revoked_at IS NULL`;

/** Null for a host that has reported none. */
export async function versionsOfHost(sql: Connection, hostId: string): Promise<HostVersionsRow | null> {
  const { rows } = await sql.query<VersionsRow>(`${VERSIONS} AND v.host_id = $1`, [hostId]);
  return rows[0] === undefined ? null : versionsRow(rows[0]);
}

/** Hosts where a CVE is open that nobody has waived, in the order of their ids, after that one where one is given. */
export async function vulnerableHosts(
  sql: Connection,
  {
    now,
    simulated,
    limit,
    after = null,
  }: { now: Date; simulated: "with" | "without"; limit: number; after?: string | null },
): Promise<HostVersionsRow[]> {
  const { rows } = await sql.query<VersionsRow>(
    `${VERSIONS} AND ${hasUnwaivedCve("$1")} AND ($2 OR NOT h.simulated) AND ($4::text IS NULL OR v.host_id > $4)
      ORDER BY v.host_id LIMIT $3`,
    [now, simulated === "with", limit, after],
  );
  return rows.map(versionsRow);
}

function versionsRow(row: VersionsRow): HostVersionsRow {
  const reported = readReport(row.reported);
  const { reason, cves, waived_at: waivedAt } = row;
  return {
    hostId: row.host_id,
    hostName: row.name,
    isSimulated: row.simulated,
    reported,
    reportedAt: row.reported_at,
    findings: cveFindings(reported),
    waiver:
      reason === null || cves === null || waivedAt === null
        ? null
        : { reason, cves, waivedAt, waivedBy: row.waived_by, expiresAt: row.expires_at },
  };
}
