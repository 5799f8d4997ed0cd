/** What a host tells of who is in its environments, about what it was ordered. */
import { randomUUID } from "node:crypto";
import type { AccessAttempts, AccessSession } from "@remotegpu/shared/instance/ssh-access";
import type { ScriptedHost } from "../../worlds/control-scene.ts";

/** An open session of SSH in that environment. */
export function sessionOn(
  host: ScriptedHost,
  environmentId: string,
  change: Partial<AccessSession> = {},
): AccessSession {
  const order = host.desired.find(({ spec }) => spec.workloadId === environmentId);
  const lease = leaseOn(host, environmentId);
  if (order === undefined) throw new Error(`${host.id} was not told of ${environmentId}`);
  return {
    sessionId: `session-${randomUUID()}`,
    instanceId: order.instanceId,
    runId: order.runId,
    ...lease,
    from: "198.51.100.4",
    openedAt: new Date(Date.now()).toISOString(),
    bytesIn: 1024,
    bytesOut: 4096,
    login: null,
    ended: null,
    ...change,
  };
}

/** Refused logins of one address. */
export function attemptsOn(
  host: ScriptedHost,
  environmentId: string,
  change: Partial<AccessAttempts> = {},
): AccessAttempts {
  const at = new Date().toISOString();
  return {
    attemptsId: `attempts-${randomUUID()}`,
    ...leaseOn(host, environmentId),
    from: "203.0.113.77",
    outcome: "no-login",
    count: 31,
    firstAt: at,
    lastAt: at,
    ...change,
  };
}

function leaseOn(host: ScriptedHost, environmentId: string) {
  const lease = host.desiredLeases.find(
    ({ workloadId, service, want }) => workloadId === environmentId && service === "ssh" && want === "held",
  );
  if (lease === undefined) throw new Error(`${host.id} holds no lease for SSH of ${environmentId}`);
  const { leaseId, workloadId, service } = lease;
  return { leaseId, workloadId, service };
}

export const byKey = (fingerprint: string | null): NonNullable<AccessSession["login"]> => ({
  method: "publickey",
  fingerprint,
  at: new Date().toISOString(),
});
