/** How a host gets in: a one-use token and proof that it holds its key, for a credential of its own. */
import type { MachineReport } from "@remotegpu/shared/messages/host-report";
import { CredentialGrant, joinProofText, type JoinRequest } from "@remotegpu/shared/messages/joining";
import { ApiUnreachableError, fetchPinnedCa, postJson, problemText } from "./api-request.ts";
import type { HostKey } from "./nkey.ts";

export interface JoinOrder {
  /** Where the API is, without a path. */
  apiUrl: string;
  token: string;
  name: string;
  machine: MachineReport;
  /** Hex SHA-256 of the CA that the join command pins; null where the API's certificate is a public one. */
  caSha256: string | null;
}

export type JoinResult =
  | { joined: true; grant: CredentialGrant }
  /** The token is unknown, used or expired, or the request is bad: trying again does not help. */
  | { joined: false; reason: string };

/** @throws ApiUnreachableError */
export async function joinControlPlane(order: JoinOrder, key: HostKey): Promise<JoinResult> {
  const url = new URL("/api/v1/hosts/join", order.apiUrl);
  const ca = order.caSha256 === null ? null : await fetchPinnedCa(url, order.caSha256);
  const request: JoinRequest = {
    token: order.token,
    nkey: key.publicKey,
    proof: key.sign(joinProofText(order.token, key.publicKey)),
    name: order.name,
    machine: order.machine,
    access: key.accessClaim,
  };
  const answer = await postJson(url, request, ca);
  if (answer.status >= 500 || answer.status === 429) {
    throw new ApiUnreachableError(`${url.origin} cannot let hosts in now: ${problemText(answer)}`);
  }
  if (answer.status >= 300) return { joined: false, reason: problemText(answer) };
  const grant = CredentialGrant.safeParse(answer.body);
  if (!grant.success)
    throw new ApiUnreachableError(`${url.origin} answers with no credential`, { cause: grant.error });
  return { joined: true, grant: grant.data };
}
