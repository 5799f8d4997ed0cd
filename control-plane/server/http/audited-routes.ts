/**
 * What each route that changes something is called in the audit log, and what it is done to. Every route that is no GET
 * stands here: the app does not start with one that is missing. It writes nothing (request/audit.ts does).
 */
import assert from "node:assert/strict";
import type { AuditTargetKind } from "../store/audit/audit-targets.ts";

interface AuditedRoute {
  /** A stable word: filters are built on it. */
  action: string;
  target: AuditTargetKind | null;
  /** The path's parameters that are the target's id; none where the route makes it. */
  id: readonly string[];
}

const to = (action: string, target: AuditTargetKind | null, ...id: string[]): AuditedRoute => ({
  action,
  target,
  id,
});

/** The account in ?customer_id=, or the caller's own. */
export const WHOSE_MONEY = "?customer_id";

/** The session that asks. */
export const OWN_SESSION = "session";

/** The account that asks. */
export const OWN_ACCOUNT = "account";

/** Null: a question that is asked by POST since it is long, and changes nothing. */
const ROUTES: Record<string, AuditedRoute | null> = {
  "POST /workspaces": to("workspace.create", "workspace"),
  "PATCH /workspaces/{id}": to("workspace.change", "workspace", "id"),
  "DELETE /workspaces/{id}": to("workspace.delete", "workspace", "id"),
  "PUT /workspaces/{id}/quota": to("quota.set", "workspace-quota", "id"),
  "PUT /workspaces/{id}/share-weight": to("share-weight.set", "workspace", "id"),
  "POST /workspaces/{id}/members": to("invitation.send", "invitation"),
  "DELETE /workspaces/{id}/invitations/{invitation_id}": to(
    "invitation.withdraw",
    "invitation",
    "invitation_id",
  ),
  "POST /invitations/{id}/accept": to("invitation.accept", "invitation", "id"),
  "POST /invitations/{id}/decline": to("invitation.decline", "invitation", "id"),
  "PATCH /workspaces/{id}/members/{customer_id}": to("member.change", "member", "id", "customer_id"),
  "DELETE /workspaces/{id}/members/{customer_id}": to("member.remove", "member", "id", "customer_id"),
  "POST /api-keys": to("api-key.create", "api-key"),
  "DELETE /api-keys/{id}": to("api-key.revoke", "api-key", "id"),
  "POST /sessions": to("browser-session.create", "browser-session"),
  "DELETE /sessions/current": to("browser-session.end", "browser-session", OWN_SESSION),
  "DELETE /sessions/others": to("browser-session.end-others", "customer", OWN_ACCOUNT),
  "DELETE /sessions/{id}": to("browser-session.end", "browser-session", "id"),
  "POST /auth/oidc/complete": to("sign-on.complete", "browser-session"),
  // It only asks the provider for a code.
  "POST /auth/oidc/device": null,
  "POST /auth/oidc/device/poll": to("sign-on.device", "api-key"),
  "POST /session-tickets": to("session-ticket.create", null),
  "POST /ssh-keys": to("ssh-key.create", "ssh-key"),
  "PATCH /ssh-keys/{id}": to("ssh-key.change", "ssh-key", "id"),
  "DELETE /ssh-keys/{id}": to("ssh-key.delete", "ssh-key", "id"),
  "POST /registry-credentials": to("registry-credential.create", "registry-credential"),
  "DELETE /registry-credentials/{id}": to("registry-credential.delete", "registry-credential", "id"),

  "POST /environments": to("environment.create", "environment"),
  "PATCH /environments/{id}": to("environment.change", "environment", "id"),
  "DELETE /environments/{id}": to("environment.delete", "environment", "id"),
  "POST /environments/{id}/start": to("environment.start", "environment", "id"),
  "POST /environments/{id}/stop": to("environment.stop", "environment", "id"),
  "POST /environments/{id}/restart": to("environment.restart", "environment", "id"),
  "PUT /environments/{id}/urgent": to("environment.make-urgent", "environment", "id"),
  "DELETE /environments/{id}/urgent": to("environment.end-urgent", "environment", "id"),
  "POST /environments/{id}/exec": to("environment.exec", "environment", "id"),
  "POST /environments/{id}/access": to("environment.open-access", "environment", "id"),
  "PUT /environments/{id}/files": to("environment.put-file", "environment", "id"),
  "PUT /environments/{id}/upload-chunks": to("environment.put-file-part", "environment", "id"),
  "POST /environments/{id}/complete-file": to("environment.put-file", "environment", "id"),
  "POST /environments/{id}/download-links": to("download-link.create", "environment", "id"),
  "POST /environments/{id}/ssh-password": to("ssh-password.set", "ssh-password", "id"),
  "DELETE /environments/{id}/ssh-password": to("ssh-password.remove", "ssh-password", "id"),
  "POST /environments/{id}/rdp-password": to("rdp-password.set", "rdp-password", "id"),
  "DELETE /environments/{id}/sessions/{session_id}": to("session.end", "access-session", "session_id"),
  "POST /environments/{id}/ssh-tickets": to("ssh-ticket.create", "ssh-ticket"),
  "DELETE /environments/{id}/ssh-tickets/{ticket_id}": to("ssh-ticket.end", "ssh-ticket", "ticket_id"),
  "POST /environments/{id}/links": to("web-link.create", "environment", "id"),
  "POST /environments/{id}/shares": to("web-share.create", "web-share"),
  "PATCH /environments/{id}/shares/{share_id}": to("web-share.change", "web-share", "share_id"),
  "DELETE /environments/{id}/shares/{share_id}": to("web-share.end", "web-share", "share_id"),
  "POST /inference-services/{id}/keys": to("service-key.create", "service-key"),
  "DELETE /inference-services/{id}/keys/{key_id}": to("service-key.revoke", "service-key", "key_id"),
  "POST /training-jobs": to("training-job.create", "training-job"),
  "POST /training-jobs/dry-run": null,
  "PATCH /training-job-groups/{id}": to("training-job-group.change", "training-job-group", "id"),
  "POST /training-job-groups/{id}/cancel": to("training-job-group.cancel", "training-job-group", "id"),
  "DELETE /training-job-groups/{id}": to("training-job-group.delete", "training-job-group", "id"),
  "PATCH /training-jobs/{id}": to("training-job.change", "training-job", "id"),
  "POST /training-jobs/{id}/retry": to("training-job.retry", "training-job", "id"),
  "POST /code-uploads": to("code.upload", null),
  "POST /training-jobs/{id}/confirm": to("training-job.confirm", "training-job", "id"),
  "POST /training-jobs/{id}/cancel": to("training-job.cancel", "training-job", "id"),
  "DELETE /training-jobs/{id}": to("training-job.delete", "training-job", "id"),
  // Parts of what was begun, as of datasets.
  "PUT /code-uploads/{id}/parts/{part}": to("code.put-part", null, "id"),
  "POST /code-uploads/{id}/complete": to("code.complete", null, "id"),
  "DELETE /training-jobs/{id}/output": to("training-job.remove-output", "training-job", "id"),
  "PUT /training-jobs/{id}/urgent": to("training-job.make-urgent", "training-job", "id"),
  "DELETE /training-jobs/{id}/urgent": to("training-job.end-urgent", "training-job", "id"),
  "POST /training-jobs/{id}/exec": to("training-job.exec", "training-job", "id"),
  "POST /inference-services": to("inference-service.create", "inference-service"),
  "PATCH /inference-services/{id}": to("inference-service.change", "inference-service", "id"),
  "POST /inference-services/{id}/start": to("inference-service.start", "inference-service", "id"),
  "POST /inference-services/{id}/stop": to("inference-service.stop", "inference-service", "id"),
  "POST /inference-services/{id}/scale": to("inference-service.scale", "inference-service", "id"),
  "POST /inference-services/{id}/upgrade": to("inference-service.upgrade", "inference-service", "id"),
  "POST /inference-services/{id}/rollback": to("inference-service.rollback", "inference-service", "id"),
  "POST /inference-services/{id}/pause": to("inference-service.pause", "inference-service", "id"),
  "POST /inference-services/{id}/resume": to("inference-service.resume", "inference-service", "id"),
  "DELETE /inference-services/{id}": to("inference-service.delete", "inference-service", "id"),
  "PUT /inference-services/{id}/urgent": to("inference-service.make-urgent", "inference-service", "id"),
  "DELETE /inference-services/{id}/urgent": to("inference-service.end-urgent", "inference-service", "id"),
  "POST /inference-services/{id}/exec": to("inference-service.exec", "inference-service", "id"),
  "POST /port-mappings": to("port.open", "port-order"),
  "DELETE /port-mappings/{id}": to("port.close", "port-mapping", "id"),

  "POST /datasets": to("dataset.create", "dataset"),
  "PATCH /datasets/{id}": to("dataset.change", "dataset", "id"),
  "DELETE /datasets/{id}": to("dataset.delete", "dataset", "id"),
  "POST /datasets/{id}/uploads": to("dataset.begin-upload", "dataset", "id"),
  "POST /datasets/{id}/complete": to("dataset.complete-upload", "dataset", "id"),
  // Parts of what was begun: of many in a minute the log has a number alone.
  "PUT /datasets/{id}/files": to("dataset.put-file", "dataset", "id"),
  "PUT /datasets/{id}/manifest": to("dataset.put-manifest", "dataset", "id"),
  "POST /models/{id}/uploads": to("model.begin-upload", "model", "id"),
  "POST /models/{id}/complete": to("model.complete-upload", "model", "id"),
  "PUT /models/{id}/files": to("model.put-file", "model", "id"),
  "PUT /models/{id}/manifest": to("model.put-manifest", "model", "id"),
  "POST /models": to("model.create", "model"),
  "PATCH /models/{id}": to("model.change", "model", "id"),
  "DELETE /models/{id}": to("model.delete", "model", "id"),
  "POST /images": to("image.create", "image"),
  "PATCH /images/{id}": to("image.change", "image", "id"),
  "DELETE /images/{id}": to("image.delete", "image", "id"),

  "POST /prices": to("price.create", "price"),
  "POST /prices/preview": null,
  "POST /prices/examples": to("price.create-examples", null),
  "PUT /specs/{spec}": to("spec.set", "spec", "spec"),
  "DELETE /specs/{spec}": to("spec.retire", "spec", "spec"),
  "POST /specs/{spec}/restore": to("spec.restore", "spec", "spec"),
  "DELETE /specs/{spec}/lines/{line}": to("price.retire", "spec", "spec"),
  "POST /specs/{spec}/lines/{line}/restore": to("price.restore", "spec", "spec"),

  "POST /billing/estimate": null,
  "PUT /billing/budget": to("budget.set", "alerts", WHOSE_MONEY),
  "PUT /billing/alert-thresholds": to("alert-thresholds.set", "alerts", WHOSE_MONEY),
  "POST /webhooks": to("webhook.create", "webhook"),
  "PATCH /webhooks/{id}": to("webhook.change", "webhook", "id"),
  "DELETE /webhooks/{id}": to("webhook.delete", "webhook", "id"),
  "POST /webhooks/{id}/secret": to("webhook.new-secret", "webhook", "id"),
  "POST /webhooks/{id}/test": to("webhook.test", "webhook", "id"),

  "POST /customers": to("customer.create", "customer"),
  "PATCH /customers/{id}": to("customer.change", "customer", "id"),
  "POST /customers/{id}/delete-data": to("customer.delete-data", "customer", "id"),
  "POST /customers/{id}/api-keys": to("api-key.create", "api-key"),
  "DELETE /customers/{id}/api-keys/{key_id}": to("api-key.revoke", "api-key", "key_id"),
  "POST /customers/{id}/identities": to("identity.link", "identity"),
  "DELETE /customers/{id}/identities/{identity_id}": to("identity.unlink", "identity", "identity_id"),
  "POST /customers/{id}/identity-invitations": to("identity.invite", "identity-invitation"),
  "POST /customers/{id}/top-ups": to("money.top-up", "customer", "id"),
  "POST /customers/{id}/adjustments": to("money.adjust", "customer", "id"),
  "POST /customers/{id}/refunds": to("money.refund", "customer", "id"),
  "POST /customers/{id}/write-offs": to("money.write-off", "customer", "id"),
  "PUT /customers/{id}/share-weight": to("share-weight.set", "customer", "id"),
  "PUT /customers/{id}/quota": to("quota.set", "customer-quota", "id"),
  "PUT /settings/{key}": to("setting.set", "setting", "key"),
  "PUT /storage-pools/{name}": to("storage-pool.set", "storage-pool", "name"),

  "POST /fleet/upgrade": to("fleet-upgrade.start", "fleet-upgrade"),
  "POST /fleet/upgrade/pause": to("fleet-upgrade.pause", "fleet-upgrade"),
  "POST /fleet/upgrade/resume": to("fleet-upgrade.resume", "fleet-upgrade"),
  "POST /fleet/upgrade/abort": to("fleet-upgrade.abort", "fleet-upgrade"),
  "POST /join-tokens": to("join-token.create", "join-token"),
  "POST /hosts/join": to("host.join", "host"),
  "POST /hosts/{id}/credential": to("host.renew-credential", "host", "id"),
  "PATCH /hosts/{id}": to("host.change", "host", "id"),
  "DELETE /hosts/{id}": to("host.remove", "host", "id"),
  "POST /hosts/{id}/cordon": to("host.cordon", "host", "id"),
  "POST /hosts/{id}/uncordon": to("host.uncordon", "host", "id"),
  "POST /hosts/{id}/drain": to("host.drain", "host", "id"),
  "POST /hosts/{id}/revoke": to("host.revoke", "host", "id"),
  "POST /hosts/{id}/confirm-pool": to("host.confirm-pool", "host", "id"),
  "POST /hosts/{id}/confirm-stops": to("host.confirm-stops", "host", "id"),
  "POST /hosts/{id}/confirm-address": to("host.confirm-address", "host", "id"),
  "PUT /hosts/{id}/cve-waiver": to("host.waive-cves", "cve-waiver", "id"),
  "DELETE /hosts/{id}/cve-waiver": to("host.end-cve-waiver", "cve-waiver", "id"),
  "POST /gpus/{uuid}/cordon": to("gpu.cordon", "gpu", "uuid"),
  "POST /gpus/{uuid}/uncordon": to("gpu.uncordon", "gpu", "uuid"),
  "POST /alarms/{id}/clear": to("alarm.clear", "alarm", "id"),
};

/** A change, and the status of the answer that it is done. */
export interface RequestedChange extends AuditedRoute {
  status: number;
}

interface DefinedRoute {
  method: string;
  path: string;
  responses: object;
}

/** What changes something, of these routes below `base`, by method and whole path. */
export function changesOf(
  routes: readonly DefinedRoute[],
  base: string,
): ReadonlyMap<string, RequestedChange> {
  const changes = new Map<string, RequestedChange>();
  for (const { method, path, responses } of routes) {
    if (method === "get") continue;
    const name = `${method.toUpperCase()} ${path}`;
    const route = ROUTES[name];
    assert(route !== undefined, `${name} has no name for the audit log in audited-routes.ts`);
    const status =
      Object.keys(responses)
        .map(Number)
        .find((one) => one >= 200 && one < 300) ?? 200;
    if (route !== null) changes.set(`${method.toUpperCase()} ${base}${path}`, { ...route, status });
  }
  return changes;
}

/** The action of reading what belongs to others. */
export const READ = "read";
/** The action of the rows that stand for attempts which were counted only. */
export const COUNTED = "counted";
