/**
 * What orders need because of their images: a registry that the operator lets them use, and an agent that can fetch
 * with a credential where they have one. Asked of few orders or of all that wait by the same few queries.
 */
import { IMAGE_FETCH_FEATURE } from "@remotegpu/shared/image-fetch";
import { registryOf } from "@remotegpu/shared/image-name";
import { imageVerdict, type RegistryList } from "../../../core/hosts/images/registries.ts";
import type { Reason } from "../../../core/reasons/reason.ts";
import type { Connection } from "../../database/database.ts";
import { inSlices } from "../../database/in-slices.ts";
import type { ImageUse } from "./image-terms.ts";
import { offeredImages } from "./offered-images.ts";

export interface ImageNeeds {
  /** Why the image may not be used; null where it may. */
  refusal: Reason | null;
  /** What the host's agent must be able to do. */
  features: readonly string[];
}

const FOR_CREDENTIALS = [IMAGE_FETCH_FEATURE];

/** In their order. */
export async function imageNeedsOf(
  sql: Connection,
  uses: readonly ImageUse[],
  inForce: RegistryList | Promise<RegistryList>,
): Promise<ImageNeeds[]> {
  const images = uses.map(({ image }) => image);
  const [hasCredential, list] = await Promise.all([credentialsAmong(sql, uses), inForce]);
  const refusals = await imageRefusals(sql, images, list);
  const isStored = await inSlices(uses, (use) => {
    const registry = registryOf(use.image);
    return registry !== null && hasCredential(use, registry);
  });
  const offered = await offeredImages(
    sql,
    images.filter((_, index) => isStored[index]),
  );
  return await inSlices(images, (image, index) => ({
    refusal: refusals[index] ?? null,
    features: isStored[index] === true && !offered.has(image) ? FOR_CREDENTIALS : [],
  }));
}

/** Whether the operator keeps anybody from these images, which is asked of no database where the list allows them all. */
export async function imageRefusals(
  sql: Connection,
  images: readonly string[],
  list: RegistryList,
): Promise<(Reason | null)[]> {
  const refusals = await inSlices(images, (image) => {
    const verdict = imageVerdict(list, image);
    return verdict.mayBeUsed ? null : verdict.why;
  });
  const offered = await offeredImages(
    sql,
    images.filter((_, index) => refusals[index] !== null),
  );
  if (offered.size === 0) return refusals;
  return refusals.map((refusal, index) => (offered.has(images[index] ?? "") ? null : refusal));
}

/** Whether the workspace or the customer of a use has a credential for the registry. */
async function credentialsAmong(
  sql: Connection,
  uses: readonly ImageUse[],
): Promise<(use: ImageUse, registry: string) => boolean> {
  if (uses.length === 0) return () => false;
  const workspaces = new Set<number | null>();
  const customers = new Set<number | null>();
  for (const { workspaceId, customerId } of uses) {
    workspaces.add(workspaceId);
    customers.add(customerId);
  }
  const { rows } = await sql.query<{ owner: string }>(
    `SELECT coalesce('workspace ' || workspace_id, 'customer ' || customer_id) || ' ' || registry AS owner
       FROM registry_credentials
      WHERE sealed_by <> ''
        AND (workspace_id = ANY($1::bigint[]) OR workspace_id IS NULL AND customer_id = ANY($2::bigint[]))`,
    [[...workspaces], [...customers]],
  );
  const owners = new Set(rows.map(({ owner }) => owner));
  return ({ workspaceId, customerId }, registry) =>
    owners.has(`workspace ${workspaceId} ${registry}`) || owners.has(`customer ${customerId} ${registry}`);
}
