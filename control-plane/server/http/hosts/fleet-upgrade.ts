/**
 * Upgrades of the fleet's agents, for administrators: begin one, see how far it is, pause it, go on, end it. What is done
 * follows from its rows by a loop (controllers/hosts/fleet-upgrade.ts).
 */
import { createRoute, z } from "@hono/zod-openapi";
import { RELEASE_VERSION } from "@remotegpu/shared/messages/upgrade-report";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import {
  HOST_UPGRADE_STATES,
  obstacleToUpgrade,
  refusesRelease,
} from "../../core/hosts/upgrades/host-upgrade.ts";
import { UPGRADE_STATES, type UpgradeState } from "../../core/hosts/upgrades/upgrade-plan.ts";
import { wavesOf } from "../../core/hosts/upgrades/waves.ts";
import { servedRelease } from "../../installation/served-release.ts";
import { setting } from "../../store/accounts/settings.ts";
import type { Connection, Transaction } from "../../store/database/database.ts";
import { storedReason } from "../../store/database/values/reason-columns.ts";
import {
  beginUpgrade,
  countsOfUpgrade,
  type FleetUpgradeHostRow,
  type FleetUpgradeRow,
  latestUpgrade,
  listUpgradeHosts,
  lockOpenUpgrade,
  nameRelease,
  resumeUpgrade,
  saveUpgrade,
  type UpgradeCandidate,
  upgradeCandidates,
  upgradeOf,
} from "../../store/hosts/fleet-upgrades.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { once } from "../request/idempotency.ts";
import { pageOf, pageQuery, textPage, toPage } from "../request/pagination.ts";
import { reasonAnswer, REASON_FIELDS } from "../request/reason-answer.ts";
import { badField, conflict } from "../request/refusal.ts";
import { created, forAdmins, iso, jsonBody, ok, OpaqueIdPath, Timestamp } from "../request/route.ts";
import { actorName } from "./host-verbs.ts";

const tags = ["fleet"];
const MAX_NAMED_HOSTS = 10_000;

const Release = z
  .object({
    version: z.string().openapi({
      description: "Its version, with a hash over its files",
      example: "0.2.0-1a2b3c4d5e6f",
    }),
    manifest_sha256: z.string().openapi({
      description: "The SHA-256 of the list of its files, in hex",
      example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    }),
  })
  .openapi("AgentRelease");

const count = (description: string, example = 0) => z.int().openapi({ description, example });
const Wave = z
  .object({
    wave: count("Counted from 1, the canary's", 1),
    hosts: count("Its hosts", 1),
    waiting: count("Of them, those whose turn has not come"),
    ordered: count("Of them, those that were told to upgrade and have not finished"),
    upgraded: count("Of them, those that run the release for good", 1),
    reverted: count("Of them, those that went back to the release of before"),
    refused: count("Of them, those that refused the release and changed nothing"),
    overdue: count("Of them, those that have not finished in time"),
    skipped: count("Of them, those that cannot be upgraded now, as hosts that are not heard"),
  })
  .openapi("UpgradeWave");

const FleetUpgrade = z
  .object({
    id: z.string().openapi({ description: "Its id", example: "upgrade-8sk2m4qz" }),
    version: z.string().openapi({ description: "The release's version", example: "0.2.0-1a2b3c4d5e6f" }),
    state: z.enum(UPGRADE_STATES).openapi({
      description:
        "running; paused by an administrator; halted by a host that went back, refused or fell silent; finished; aborted",
      example: "running",
    }),
    wave: count("The wave that is under way, counted from 1", 1),
    waves: z.array(Wave).openapi({ description: "Each wave with its hosts by their states" }),
    reason: z.string().nullable().openapi({
      description: "What the wave waits for, or why the upgrade halted; null: nothing",
      example: "All hosts of this wave have finished; they are observed before the next begins.",
    }),
    ...REASON_FIELDS,
    next_wave_at: Timestamp.nullable().describe(
      "When the next wave begins, or the upgrade ends, if nothing goes wrong; null: not known yet",
    ),
    started_by: z.string().openapi({ description: "Who began it", example: "admin 1" }),
    started_at: Timestamp,
    ended_at: Timestamp.nullable().describe("When it was finished or aborted; null: it is open"),
  })
  .openapi("FleetUpgrade");

const UpgradeStatus = z
  .object({
    served_release: Release.nullable(),
    upgrade: FleetUpgrade.nullable(),
  })
  .openapi("UpgradeStatus");

const UpgradeHost = z
  .object({
    host_id: z.string().openapi({ description: "Its id", example: "host-91d3e7b4" }),
    name: z.string().openapi({ description: "Its name", example: "gpu-07" }),
    wave: count("Its wave, counted from 1", 1),
    state: z.enum(HOST_UPGRADE_STATES).openapi({
      description: "How far it is; skipped: it cannot be upgraded now",
      example: "upgraded",
    }),
    from_version: z.string().nullable().openapi({
      description: "The release that it ran before; null: not known yet",
      example: "0.1.0-0f1e2d3c4b5a",
    }),
    reason: z.string().nullable().openapi({
      description: "Why it went back, refused or was skipped; null: it did not, or did not say",
      example: "it is unreachable",
    }),
    ...REASON_FIELDS,
    ordered_at: Timestamp.nullable().describe("When it was told to upgrade"),
    ended_at: Timestamp.nullable().describe("When it came to its end"),
  })
  .openapi("UpgradeHost");

const NewFleetUpgrade = z
  .strictObject({
    version: z.string().regex(RELEASE_VERSION).openapi({
      description: "The release that this server hands out, with or without the hash",
      example: "0.2.0",
    }),
    hosts: z
      .array(OpaqueIdPath.shape.id)
      .min(1)
      .max(MAX_NAMED_HOSTS)
      .optional()
      .openapi({ description: "Only these hosts, by their ids; all by default", example: ["host-91d3e7b4"] }),
  })
  .openapi("NewFleetUpgrade");

const get = createRoute({
  ...forAdmins,
  method: "get",
  path: "/fleet/upgrade",
  tags,
  summary: "The upgrade of the fleet's agents that is open, or the last, and the release that could be named",
  responses: ok("How far it is", UpgradeStatus),
});

const listHosts = createRoute({
  ...forAdmins,
  method: "get",
  path: "/fleet/upgrade/hosts",
  tags,
  summary: "The hosts of that upgrade",
  request: { query: z.strictObject({ ...pageQuery, state: z.enum(HOST_UPGRADE_STATES).optional() }) },
  responses: ok("A page of hosts, by their ids", pageOf(UpgradeHost)),
});

const begin = createRoute({
  ...forAdmins,
  method: "post",
  path: "/fleet/upgrade",
  operationId: "beginFleetUpgrade",
  tags,
  summary: "Upgrade the fleet's agents in waves: one host, 5 %, 25 %, all",
  description:
    "Each host undoes the upgrade by itself where it does not prove the release; that halts the upgrade. Hosts that are not heard are skipped.",
  request: { body: jsonBody(NewFleetUpgrade) },
  responses: created("It has begun", UpgradeStatus),
});

const verb = <Path extends string>(path: Path, operationId: string, summary: string) =>
  createRoute({
    ...forAdmins,
    method: "post",
    path,
    operationId,
    tags,
    summary,
    responses: ok("How far it is", UpgradeStatus),
  });

const VERBS = [
  {
    route: verb("/fleet/upgrade/pause", "pauseFleetUpgrade", "Begin no further host; those under way finish"),
    from: ["running"],
    to: "paused",
  },
  {
    route: verb("/fleet/upgrade/resume", "resumeFleetUpgrade", "Go on, in spite of what halted it"),
    from: ["paused", "halted"],
    to: "running",
  },
  {
    route: verb("/fleet/upgrade/abort", "abortFleetUpgrade", "End it; hosts keep the release that they run"),
    from: ["running", "paused", "halted"],
    to: "aborted",
  },
] as const satisfies { route: object; from: readonly UpgradeState[]; to: UpgradeState }[];

export function registerFleetUpgradeRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(get, async (c) => c.json(await statusOf(c, db), 200));

  api.openapi(listHosts, async (c) => {
    const query = c.req.valid("query");
    const page = textPage(query);
    const upgrade = await latestUpgrade(db);
    const filter = { upgradeId: upgrade?.id ?? "", state: query.state ?? null, page };
    const rows = await listUpgradeHosts(db, filter);
    return c.json(toPage(rows, page.limit, { item: hostAnswer, key: ({ host_id }) => [host_id] }), 200);
  });

  api.openapi(begin, async (c) => {
    const { version, hosts } = c.req.valid("json");
    const release = await namedRelease(c, version);
    return await once(c, async (sql, afterwards) => {
      const open = await lockOpenUpgrade(sql);
      if (open !== null)
        throw conflict({ code: "fleet-upgrade-open", params: { release_version: open.version } });
      const id = deps.newId("upgrade");
      const ordered = inTurn(await candidatesOf(sql, { hosts, seed: id }), release.version);
      const by = actorName(c);
      await beginUpgrade(sql, { id, release, waves: wavesOf(ordered), by, now: deps.now() });
      afterwards(() => deps.link.wake());
      return c.json(await statusOf(c, sql), 201);
    });
  });

  for (const { route, from, to } of VERBS)
    api.openapi(route, async (c) =>
      once(c, async (sql, afterwards) => {
        await changeState(sql, { from, to, now: deps.now() });
        afterwards(() => deps.link.wake());
        return c.json(await statusOf(c, sql), 200);
      }),
    );
}

/** @throws ApiRefusal for any other than the one that is handed out */
async function namedRelease(
  c: ApiContext,
  version: string,
): Promise<{ version: string; manifestSha256: string }> {
  const served = await releaseOf(c);
  if (served === null) throw conflict("release-none-served");
  const isServed = served.version === version || served.version.startsWith(`${version}-`);
  if (!isServed)
    throw badField("version", { code: "release-not-served", params: { release_version: served.version } });
  return served;
}

async function releaseOf(c: ApiContext) {
  const bundle = c.var.deps.config.bundle();
  return bundle === null ? null : await servedRelease(bundle.folder);
}

async function candidatesOf(
  sql: Transaction,
  { hosts, seed }: { hosts: readonly string[] | undefined; seed: string },
): Promise<UpgradeCandidate[]> {
  const found = await upgradeCandidates(sql, { hostIds: hosts ?? null, seed });
  const unknown = hosts?.find((hostId) => found.every(({ id }) => id !== hostId));
  if (unknown !== undefined)
    throw badField("hosts", { code: "fleet-upgrade-host-unknown", params: { host_id: unknown } });
  return found;
}

/** Those that can be upgraded now go first, so that the canary is one of them. */
function inTurn(candidates: readonly UpgradeCandidate[], version: string): string[] {
  const isAble = (host: UpgradeCandidate) =>
    obstacleToUpgrade(host) === null && !refusesRelease(host.report, version);
  const able = candidates.filter(isAble);
  if (able.length === 0) throw conflict("fleet-upgrade-no-host");
  return [...able, ...candidates.filter((host) => !isAble(host))].map(({ id }) => id);
}

async function changeState(
  sql: Transaction,
  { from, to, now }: { from: readonly UpgradeState[]; to: UpgradeState; now: Date },
): Promise<void> {
  const row = await lockOpenUpgrade(sql);
  if (row === null) throw conflict("fleet-upgrade-not-open");
  if (!from.includes(row.state))
    throw conflict({ code: "fleet-upgrade-is", params: { upgrade_state: row.state } });
  if (to === "running") await resumeUpgrade(sql, { id: row.id, now });
  // Whoever has not begun is not to begin any more.
  else await nameRelease(sql, { release: null, hostIds: [] });
  const upgrade = { ...upgradeOf(row), state: to, calmSinceMs: null, reason: null };
  await saveUpgrade(sql, { id: row.id, upgrade, now });
}

async function statusOf(c: ApiContext, sql: Connection): Promise<z.input<typeof UpgradeStatus>> {
  const served = await releaseOf(c);
  const row = await latestUpgrade(sql);
  return {
    served_release:
      served === null ? null : { version: served.version, manifest_sha256: served.manifestSha256 },
    upgrade: row === null ? null : await upgradeAnswer(sql, row),
  };
}

async function upgradeAnswer(sql: Connection, row: FleetUpgradeRow): Promise<z.input<typeof FleetUpgrade>> {
  const waves = await countsOfUpgrade(sql, row.id);
  const calmMs = Number(await setting(sql, "FLEET_UPGRADE_CALM_MINUTES")) * MS_PER_MINUTE;
  const isObserved = row.state === "running" && row.calm_since !== null;
  return {
    id: row.id,
    version: row.version,
    state: row.state,
    wave: row.wave + 1,
    waves: waves.map((counts) => ({ ...counts, wave: counts.wave + 1 })),
    ...reasonAnswer(storedReason(row.status_reason)),
    next_wave_at: isObserved ? new Date((row.calm_since?.getTime() ?? 0) + calmMs).toISOString() : null,
    started_by: row.started_by,
    started_at: row.started_at.toISOString(),
    ended_at: iso(row.ended_at),
  };
}

function hostAnswer(row: FleetUpgradeHostRow): z.input<typeof UpgradeHost> {
  return {
    ...row,
    wave: row.wave + 1,
    ...reasonAnswer(storedReason(row.reason)),
    ordered_at: iso(row.ordered_at),
    ended_at: iso(row.ended_at),
  };
}
