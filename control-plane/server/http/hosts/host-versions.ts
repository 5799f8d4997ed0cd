/**
 * What a host runs containers with, which CVEs are open there, and the waiver by which an administrator accepts some of
 * them. For administrators alone.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { CVE_ID, VERSIONED_COMPONENTS } from "@remotegpu/shared/messages/host-versions";
import { displayText } from "@remotegpu/shared/values/text";
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import { CVE_STATES, isOpen } from "../../core/hosts/versions/cve-verdict.ts";
import { MAX_WAIVER_DAYS, waivedCves } from "../../core/hosts/versions/cve-waiver.ts";
import { cveSentence } from "../../core/hosts/versions/cve-words.ts";
import { transaction } from "../../store/database/transaction.ts";
import { appendEvent } from "../../store/events/events.ts";
import { endCveWaiver, waiveCves } from "../../store/hosts/cve-waivers.ts";
import { type HostVersionsRow, versionsOfHost } from "../../store/hosts/host-versions.ts";
import { hostById } from "../../store/hosts/hosts.ts";
import { asReported } from "../../core/reasons/reason.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { badField, conflict, notFound } from "../request/refusal.ts";
import { forAdmins, jsonBody, noContent, ok, OpaqueIdPath, Timestamp } from "../request/route.ts";
import { deed } from "./host-verbs.ts";

const tags = ["hosts"];
const params = OpaqueIdPath;
const MAX_NAMED = 64;
/** What the table calls a flaw: a CVE, or NVIDIA's bulletin of several. */
const FlawId = z
  .string()
  .max(32)
  .regex(new RegExp(`${CVE_ID.source}|^NVIDIA-\\d{1,6}$`))
  .openapi({ example: "CVE-2025-52881" });

const Waiver = z.object({
  reason: z.string().openapi({
    description: "Why the administrator accepts them",
    example: "One tenant alone has the host.",
  }),
  cves: z.array(z.string()).openapi({
    description: "Those that it is about, and no others",
    example: ["CVE-2025-52881"],
  }),
  waived_by: z.int().nullable().openapi({ description: "The administrator's account", example: 1 }),
  waived_at: Timestamp.openapi({ description: "When that was reported" }),
  expires_at: Timestamp.nullable().openapi({ description: "Null: it holds until it is taken back" }),
});

const Component = z.object({
  component: z.string().openapi({ description: VERSIONED_COMPONENTS.join(", "), example: "runc" }),
  version: z
    .string()
    .nullable()
    .openapi({ description: "As the running program reports it", example: "1.1.15+ds1" }),
  package: z
    .string()
    .nullable()
    .openapi({ description: "Null: no package owns the program's file", example: "runc" }),
  package_version: z.string().nullable().openapi({
    description: "Of the package, of its source where that is another one",
    example: "1.1.15+ds1-2+deb13u1",
  }),
  is_replaced: z
    .boolean()
    .openapi({ description: "The program runs from a file that was replaced: restart it" }),
});

const Cve = z.object({
  id: z.string().openapi({
    description: "The CVE, or NVIDIA's bulletin of several",
    example: "CVE-2025-52881",
  }),
  component: z.string().openapi({ description: "The program that has it", example: "runc" }),
  state: z.enum(CVE_STATES).openapi({
    description: "open-without-package: no package of the distribution mends it. unknown: no source knows",
  }),
  is_waived: z.boolean().openapi({ description: "An administrator accepts it" }),
  detail: z.string().openapi({
    description: "What it is, and what mends it",
    example: "Mended: a race about /dev/console can make masked paths of /proc writable.",
  }),
});

const Versions = z
  .object({
    distribution: z.string().nullable().openapi({
      description: "As /etc/os-release names it; null: the host has reported no versions",
      example: "debian 13",
    }),
    reported_at: Timestamp.nullable().openapi({ description: "When the host reported these versions first" }),
    components: z.array(Component).openapi({ description: "What was found, by the host's own word" }),
    cves: z.array(Cve).openapi({ description: "Judged by this release's table, of what the host has" }),
    waiver: Waiver.nullable().openapi({ description: "What an administrator accepts of it; null: nothing" }),
  })
  .openapi("HostVersions");

const WaiverRequest = z
  .strictObject({
    reason: displayText(500).openapi({
      description: "Why that is acceptable; it stands in the audit log",
      example: "One tenant alone has the host.",
    }),
    cves: z
      .array(FlawId)
      .min(1)
      .max(MAX_NAMED)
      .optional()
      .openapi({
        description: "Those that are accepted; left out: all that are open on the host now",
        example: ["CVE-2025-52881"],
      }),
    days: z.int().min(1).max(MAX_WAIVER_DAYS).optional().openapi({
      description: "For how long; left out: until it is taken back",
      example: 30,
    }),
  })
  .openapi("CveWaiverWish");

const get = createRoute({
  ...forAdmins,
  method: "get",
  path: "/hosts/{id}/versions",
  operationId: "getHostVersions",
  tags,
  summary: "What it runs containers with, and which CVEs are open there",
  request: { params },
  responses: ok("As the host reported it last", Versions),
});

const put = createRoute({
  ...forAdmins,
  method: "put",
  path: "/hosts/{id}/cve-waiver",
  operationId: "waiveHostCves",
  tags,
  summary: "Accept CVEs that are open on it: no alarm, and it is shared as any other host",
  description: "Takes the place of an earlier waiver. A CVE that is found later is not waived.",
  request: { params, body: jsonBody(WaiverRequest) },
  responses: ok("What holds now", Versions),
});

const remove = createRoute({
  ...forAdmins,
  method: "delete",
  path: "/hosts/{id}/cve-waiver",
  operationId: "endHostCveWaiver",
  tags,
  summary: "Take the waiver of its CVEs back",
  request: { params },
  responses: noContent("Nothing is waived any more"),
});

export function registerHostVersionRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(get, async (c) => {
    const { id } = c.req.valid("param");
    if ((await hostById(db, id)) === null) throw notFound({ code: "named-host", params: { host_id: id } });
    return c.json(versionsAnswer(await versionsOfHost(db, id), deps.now()), 200);
  });

  api.openapi(put, async (c) => {
    const { id: hostId } = c.req.valid("param");
    const { reason, cves: named, days } = c.req.valid("json");
    const now = deps.now();
    const expiresAt = days === undefined ? null : new Date(now.getTime() + days * MS_PER_DAY);
    const answer = await transaction(c.var.deps.db, async (sql) => {
      if ((await hostById(sql, hostId)) === null)
        throw notFound({ code: "named-host", params: { host_id: hostId } });
      const cves = toWaive(await versionsOfHost(sql, hostId), { hostId, named });
      const { customerId: waivedBy } = c.var.actor;
      await waiveCves(sql, { hostId, reason, cves, waivedBy, expiresAt, now });
      const waiver = { kind: "cves-waived", hostId, new: cves.join(" "), reason: asReported(reason) };
      await appendEvent(sql, { ...waiver, ...deed(c) });
      return versionsAnswer(await versionsOfHost(sql, hostId), now);
    });
    deps.link.wake();
    return c.json(answer, 200);
  });

  api.openapi(remove, async (c) => {
    const { id: hostId } = c.req.valid("param");
    await transaction(c.var.deps.db, async (sql) => {
      if ((await hostById(sql, hostId)) === null)
        throw notFound({ code: "named-host", params: { host_id: hostId } });
      if (!(await endCveWaiver(sql, hostId)))
        throw conflict({ code: "cves-not-waived", params: { host_id: hostId } });
      await appendEvent(sql, { kind: "cve-waiver-ended", hostId, ...deed(c) });
    });
    return c.body(null, 204);
  });
}

/** @throws ApiRefusal where nothing is open, or what is named is not */
function toWaive(
  row: HostVersionsRow | null,
  { hostId, named }: { hostId: string; named: string[] | undefined },
): string[] {
  const open = (row?.findings ?? []).filter(isOpen).map(({ id }) => id);
  if (open.length === 0) throw conflict({ code: "cves-none-open", params: { host_id: hostId } });
  const other = named?.find((id) => !open.includes(id));
  if (other !== undefined) throw badField("cves", { code: "cve-not-open", params: { cve: other } });
  return named === undefined ? open : open.filter((id) => named.includes(id));
}

function versionsAnswer(row: HostVersionsRow | null, now: Date): z.infer<typeof Versions> {
  if (row === null) return { distribution: null, reported_at: null, components: [], cves: [], waiver: null };
  const { reported, findings, waiver } = row;
  const waived = waivedCves(waiver, now);
  return {
    distribution: `${reported.distribution.id} ${reported.distribution.release}`.trim(),
    reported_at: row.reportedAt.toISOString(),
    components: reported.components.map(({ component, version, package: owner, isReplaced }) => ({
      component,
      version,
      package: owner?.name ?? null,
      package_version: owner?.version ?? null,
      is_replaced: isReplaced,
    })),
    cves: findings.map((finding) => ({
      id: finding.id,
      component: finding.component,
      state: finding.verdict.state,
      is_waived: waived.has(finding.id),
      detail: cveSentence(finding),
    })),
    waiver: waiver && {
      reason: waiver.reason,
      cves: [...waiver.cves],
      waived_by: waiver.waivedBy,
      waived_at: waiver.waivedAt.toISOString(),
      expires_at: waiver.expiresAt?.toISOString() ?? null,
    },
  };
}
