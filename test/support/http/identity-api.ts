/**
 * The two identity routes over real HTTP(S), with the product's identity behind them and a list of revoked keys in
 * place of the database: what an agent's link needs of an API to be tested against.
 */
import { readFileSync } from "node:fs";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { hostIdentity } from "@remotegpu/control-plane/server/link/identity/host-credential";
import type { ServerCertificate } from "@remotegpu/control-plane/server/embedded/certificate-authority";
import { HostId } from "@remotegpu/shared/values/ids";
import { type AccessKeyClaim, JoinRequest, RenewalRequest } from "@remotegpu/shared/messages/joining";

export interface IdentityApi {
  url: string;
  revokedKeys: Set<string>;
  /** Of hosts that were taken out of the fleet. */
  removedKeys: Set<string>;
  /** Paths of all requests that arrived. */
  requests: string[];
  close(): Promise<void>;
}

export async function startIdentityApi(
  identity: ReturnType<typeof hostIdentity>,
  { token, certificate = null }: { token: string; certificate?: ServerCertificate | null },
): Promise<IdentityApi> {
  const revokedKeys = new Set<string>();
  const removedKeys = new Set<string>();
  const requests: string[] = [];
  const provenKey = ({ nkey, access }: { nkey: string; access?: AccessKeyClaim | undefined }) =>
    access !== undefined && identity.verifyAccessKey(nkey, access) ? access.key : null;
  const answer = async (path: string, body: unknown): Promise<[number, object]> => {
    if (path === "/api/v1/hosts/join") {
      const request = JoinRequest.parse(body);
      if (request.token !== token || !identity.verifyJoinProof(request))
        return [403, { detail: "no such token" }];
      return [
        201,
        await identity.mint({
          hostId: HostId.parse("host-1"),
          nkey: request.nkey,
          accessKey: provenKey(request),
          now: new Date(),
        }),
      ];
    }
    const hostId = HostId.parse(path.split("/").at(-2));
    const { nkey, challenge, signature, access } = RenewalRequest.parse(body);
    if (revokedKeys.has(nkey)) return [403, { detail: "this key is revoked" }];
    const now = new Date();
    if (challenge === undefined || signature === undefined) {
      return [200, { challenge: identity.makeChallenge({ hostId, nkey, now }) }];
    }
    if (!identity.verifyRenewal({ hostId, nkey, challenge, signature, now }))
      return [403, { detail: "not yours" }];
    if (removedKeys.has(nkey)) return [200, { removed_at: now.toISOString() }];
    return [200, await identity.mint({ hostId, nkey, accessKey: provenKey({ nkey, access }), now })];
  };
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    requests.push(request.url ?? "");
    const [status, body] = await answer(request.url ?? "", JSON.parse(Buffer.concat(chunks).toString()));
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  const server =
    certificate === null
      ? createHttpServer((request, response) => void serve(request, response))
      : createHttpsServer(
          { cert: readFileSync(certificate.certFile), key: readFileSync(certificate.keyFile) },
          (request, response) => void serve(request, response),
        );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const at = server.address();
  const port = typeof at === "object" && at !== null ? at.port : 0;
  return {
    url: `${certificate === null ? "http" : "https"}://127.0.0.1:${port}`,
    revokedKeys,
    removedKeys,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
