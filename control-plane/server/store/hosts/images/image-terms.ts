/**
 * How orders may have their images: whose they are, the credential that their host gets when it asks, and what the
 * operator allows. As it is now, whatever it was when they were placed.
 */
import type { ImageTerms } from "@remotegpu/shared/instance/image-fetch";
import { registryOf } from "@remotegpu/shared/values/image-name";
import {
  imageVerdict,
  type RegistryList,
  type RegistryVerdict,
} from "../../../core/hosts/images/registries.ts";
import { LIVE } from "../../accounts/workspaces.ts";
import type { Connection } from "../../database/database.ts";
import { offeredImages } from "./offered-images.ts";
import { registryListInForce } from "./registry-list.ts";

/** Who uses an image: what any order says of itself. */
export interface ImageUse {
  /** Who ordered; null where that account is no more. */
  customerId: number | null;
  workspaceId: number | null;
  image: string;
}

/**
 * The terms of each use, in their order, by the same few queries for one or many.
 * @param opensKeys names the keys that passwords can be opened with: a credential under another one is as none
 * @param inForce the operator's list, where somebody reads it already
 */
export async function imageTermsOf(
  sql: Connection,
  uses: readonly ImageUse[],
  { opensKeys, inForce }: { opensKeys: readonly string[]; inForce?: Promise<RegistryList> },
): Promise<ImageTerms[]> {
  if (uses.length === 0) return [];
  const images = uses.map(({ image }) => image);
  const [list, offered] = await Promise.all([
    inForce ?? registryListInForce(sql),
    offeredImages(sql, images),
  ]);
  const verdicts = uses.map(({ image }) => imageVerdict(list, image));
  const parties = await partiesOf(
    sql,
    uses.map((use, index) => ({ ...use, registry: registryRequested(verdicts[index], use, offered) })),
    opensKeys,
  );
  return uses.map(({ image }, index) => {
    const verdict = verdicts[index];
    return {
      owner: parties[index]?.owner ?? "",
      credential: parties[index]?.credential ?? null,
      isOffered: offered.has(image),
      mayBePrivate: verdict?.mayBeUsed === true && verdict.mayBePrivate,
    };
  });
}

/** Null where none is: of an id, and of a registry that is off the list by now, which must not get a password. */
function registryRequested(
  verdict: RegistryVerdict | undefined,
  { image }: ImageUse,
  offered: ReadonlySet<string>,
): string | null {
  if (verdict?.mayBeUsed === true) return verdict.registry;
  return offered.has(image) ? registryOf(image) : null;
}

interface Party {
  owner: string;
  credential: string | null;
}

/** A workspace's credential goes before its customers' own. */
async function partiesOf(
  sql: Connection,
  uses: readonly (ImageUse & { registry: string | null })[],
  opensKeys: readonly string[],
): Promise<Party[]> {
  const { rows } = await sql.query<Party>(
    `SELECT coalesce(w.owner_id, u.customer_id, 0)::text AS owner,
            (SELECT c.id FROM registry_credentials c
              WHERE c.registry = u.registry AND c.sealed_by = ANY($4::text[])
                AND (c.workspace_id = w.id OR c.workspace_id IS NULL AND c.customer_id = u.customer_id)
              ORDER BY c.workspace_id LIMIT 1) AS credential
       FROM unnest($1::bigint[], $2::bigint[], $3::text[]) WITH ORDINALITY AS u(customer_id, workspace_id, registry, place)
       LEFT JOIN workspaces w ON w.id = u.workspace_id AND ${LIVE}
      ORDER BY u.place`,
    [
      uses.map(({ customerId }) => customerId),
      uses.map(({ workspaceId }) => workspaceId),
      uses.map(({ registry }) => registry),
      opensKeys,
    ],
  );
  return rows;
}
