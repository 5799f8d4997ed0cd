/**
 * Which image each placement's container was made of, what that image brings, and which of its services answer, as its host
 * tells it.
 */
import type { ObservedInstance } from "@remotegpu/shared/instance/instance";
import type { Connection } from "../database/database.ts";

/** They stay when the container is gone. What an image brings may be told later than the image. */
export async function noteContainerFacts(
  sql: Connection,
  { hostId, observed }: { hostId: string; observed: readonly ObservedInstance[] },
): Promise<void> {
  const reported = observed.flatMap(({ instanceId, placementEpoch, runId, imageId, brings }) =>
    imageId === undefined ? [] : [{ instanceId, placementEpoch, runId, imageId, brings: brings ?? null }],
  );
  if (reported.length === 0) return;
  await sql.change(
    `UPDATE placements p SET image_id = v."imageId",
            image_brings = CASE WHEN v.brings IS NULL AND p.image_id = v."imageId" THEN p.image_brings ELSE v.brings END
       FROM jsonb_to_recordset($2::jsonb) AS v("instanceId" text, "placementEpoch" int, "runId" text, "imageId" text,
              brings text[])
      WHERE p.instance_id = v."instanceId" AND p.epoch = v."placementEpoch" AND p.run_id = v."runId" AND p.host_id = $1
        AND (p.image_id IS DISTINCT FROM v."imageId" OR v.brings IS NOT NULL AND p.image_brings IS DISTINCT FROM v.brings)`,
    [hostId, JSON.stringify(reported)],
  );
}

/** Whether replicas answer their probes, and since when that is so, in the time of this side. */
export async function noteServing(
  sql: Connection,
  { hostId, observed, now }: { hostId: string; observed: readonly ObservedInstance[]; now: Date },
): Promise<void> {
  const reported = observed.flatMap(({ instanceId, placementEpoch, runId, serving }) =>
    serving === undefined ? [] : [{ instanceId, placementEpoch, runId, serving }],
  );
  if (reported.length === 0) return;
  await sql.change(
    `UPDATE placements p SET serving = v.serving, serving_since = $3
       FROM jsonb_to_recordset($2::jsonb) AS v("instanceId" text, "placementEpoch" int, "runId" text, serving text)
      WHERE p.instance_id = v."instanceId" AND p.epoch = v."placementEpoch" AND p.run_id = v."runId" AND p.host_id = $1
        AND p.serving IS DISTINCT FROM v.serving`,
    [hostId, JSON.stringify(reported), now],
  );
}

/** What is open to replicas that drain; what is not told any more is not known any more. */
export async function noteStreams(
  sql: Connection,
  { hostId, observed }: { hostId: string; observed: readonly ObservedInstance[] },
): Promise<void> {
  const reported = observed.map(({ instanceId, placementEpoch, runId, openStreams }) => ({
    instanceId,
    placementEpoch,
    runId,
    open: openStreams ?? null,
  }));
  if (reported.length === 0) return;
  await sql.change(
    `UPDATE placements p SET open_streams = v.open
       FROM jsonb_to_recordset($2::jsonb) AS v("instanceId" text, "placementEpoch" int, "runId" text, open int)
      WHERE p.instance_id = v."instanceId" AND p.epoch = v."placementEpoch" AND p.run_id = v."runId" AND p.host_id = $1
        AND p.open_streams IS DISTINCT FROM v.open`,
    [hostId, JSON.stringify(reported)],
  );
}

/** As it is now: what is not told any more is not known any more. */
export async function noteServices(
  sql: Connection,
  { hostId, observed }: { hostId: string; observed: readonly ObservedInstance[] },
): Promise<void> {
  const reported = observed.map(({ instanceId, placementEpoch, runId, services }) => ({
    instanceId,
    placementEpoch,
    runId,
    services: services ?? null,
  }));
  if (reported.length === 0) return;
  await sql.change(
    `UPDATE placements p SET services = nullif(v.services, 'null')
       FROM jsonb_to_recordset($2::jsonb) AS v("instanceId" text, "placementEpoch" int, "runId" text, services jsonb)
      WHERE p.instance_id = v."instanceId" AND p.epoch = v."placementEpoch" AND p.run_id = v."runId" AND p.host_id = $1
        AND p.services IS DISTINCT FROM nullif(v.services, 'null')`,
    [hostId, JSON.stringify(reported)],
  );
}
