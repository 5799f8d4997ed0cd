/** Asks the tables of core/accounts/access-rights.ts about a request's actor and turns "no" into the right refusal. */
import { decide, type WorkspaceAction } from "../../core/accounts/access-rights.ts";
import {
  ensurePersonalWorkspace,
  personalWorkspace,
  workspaceFor,
  workspaceIdsOf,
  type WorkspaceWithRole,
} from "../../store/accounts/workspaces.ts";
import type { Connection } from "../../store/database/database.ts";
import type { WorkloadFilter } from "../../store/workloads/pages.ts";
import { actingOn, asItsOwnChange } from "./audit.ts";
import type { ApiContext } from "../deps.ts";
import { forbidden, notFound } from "./refusal.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import { inEnglish } from "../../core/reasons/english/english.ts";

/**
 * The workspace, once the actor may do `action` there.
 * @throws ApiRefusal: not-found for strangers, forbidden for members whose role is too small
 */
export async function authorizeWorkspace(
  c: ApiContext,
  workspaceId: number,
  action: WorkspaceAction,
): Promise<WorkspaceWithRole> {
  const { actor, deps } = c.var;
  const workspace = await workspaceFor(deps.db, { workspaceId, customerId: actor.customerId });
  const thing: Reason = { code: "named-workspace", params: { workspace_id: workspaceId } };
  if (workspace === null) throw notFound(thing);
  refuseUnlessAllowed(c, { action, role: workspace.role, isOwn: false, thing });
  // A workspace that an admin belongs to is not another's.
  if (workspace.role === null)
    actingOn(c, { ownerCustomerId: workspace.owner_id, subject: `workspace ${workspaceId}` });
  return workspace;
}

/** The same for one workload; one that is in no workspace, or in one that is gone, is its customer's alone. */
export async function authorizeWorkload(
  c: ApiContext,
  workload: { id: string; customer_id: number; workspace_id: number | null },
  { action, thing }: { action: "read-workload" | "manage-workload"; thing: Reason },
): Promise<void> {
  const { role, isOwn } = await roleIn(c, workload);
  refuseUnlessAllowed(c, { action, role, isOwn, thing });
  if (role === null) actingOn(c, { ownerCustomerId: workload.customer_id, subject: inEnglish(thing) });
}

/**
 * For what opens a way in, once the actor may manage the workload: an administrator of the product gets none by that.
 * @throws ApiRefusal
 */
export async function refuseAdministrator(
  c: ApiContext,
  workload: { customer_id: number; workspace_id: number | null },
): Promise<void> {
  if (c.var.actor.isAdmin && !(await mayEnter(c, workload))) throw forbidden("administrators-excluded");
}

/** Whether the actor may manage it as one of its people, whatever an administrator of the product may. */
export async function mayEnter(
  c: ApiContext,
  workload: { customer_id: number; workspace_id: number | null },
  /** The connection of a caller that holds one, and must not wait for another. */
  sql: Connection = c.var.deps.db,
): Promise<boolean> {
  const accessRole = { ...(await roleIn(c, workload, sql)), isAdmin: false };
  return decide("manage-workload", accessRole) === "allowed";
}

async function roleIn(
  c: ApiContext,
  workload: { customer_id: number; workspace_id: number | null },
  sql: Connection = c.var.deps.db,
): Promise<{ role: WorkspaceWithRole["role"]; isOwn: boolean }> {
  const { actor } = c.var;
  const isOwn = workload.customer_id === actor.customerId;
  const workspace =
    workload.workspace_id === null
      ? null
      : await workspaceFor(sql, { workspaceId: workload.workspace_id, customerId: actor.customerId });
  return { role: workspace === null ? (isOwn ? "owner" : null) : workspace.role, isOwn };
}

/** Whose workloads a list shows the actor; that an administrator sees everybody's goes into the audit log. */
export async function visibleWorkloads(c: ApiContext, subject: string): Promise<WorkloadFilter["visibleTo"]> {
  const { actor, deps } = c.var;
  if (actor.isAdmin) {
    actingOn(c, { ownerCustomerId: null, subject });
    return null;
  }
  return {
    customerId: actor.customerId,
    workspaceIds: await workspaceIdsOf(deps.db, actor.customerId),
  };
}

/** The workspace a new workload goes to: the named one, or the actor's personal one. */
export async function workspaceForOrder(
  c: ApiContext,
  workspaceId: number | null | undefined,
): Promise<WorkspaceWithRole> {
  const { actor, deps } = c.var;
  if (workspaceId != null) return await authorizeWorkspace(c, workspaceId, "create-workload");
  // Its owner may do everything there.
  const own = await personalWorkspace(deps.db, actor.customerId);
  if (own !== null) return own;
  // Whatever becomes of the order, this is there.
  const making = { action: "workspace.create", target: "workspace", id: null, status: 201 } as const;
  const made = await asItsOwnChange(c, making, (db) => ensurePersonalWorkspace(db, actor));
  return await authorizeWorkspace(c, made, "create-workload");
}

function refuseUnlessAllowed(
  c: ApiContext,
  {
    action,
    thing,
    role,
    isOwn,
  }: { action: WorkspaceAction; thing: Reason; role: WorkspaceWithRole["role"]; isOwn: boolean },
): void {
  const decision = decide(action, { isAdmin: c.var.actor.isAdmin, role, isOwn });
  switch (decision) {
    case "allowed":
      return;
    case "hidden":
      throw notFound(thing);
    case "forbidden":
      throw forbidden({ code: "role-too-small", params: { thing } });
  }
}
