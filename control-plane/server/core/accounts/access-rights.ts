/**
 * Who may do what to a workspace, its workloads and its bill: one table. Every route asks it. It knows nothing
 * of requests or rows; datasets and models have a table of their own (data-rights.ts).
 */

export const WORKSPACE_ROLES = ["owner", "admin", "member", "viewer"] as const;
export type WorkspaceRole = (typeof WORKSPACE_ROLES)[number];

export const WORKSPACE_ACTIONS = [
  "read-workspace",
  "change-workspace",
  "delete-workspace",
  "read-members",
  "manage-members",
  "manage-registry-credentials",
  "read-bill",
  "create-workload",
  "read-workload",
  "ask-service",
  "manage-workload",
] as const;
export type WorkspaceAction = (typeof WORKSPACE_ACTIONS)[number];

/** How someone stands to a thing of a workspace. */
export interface AccessRole {
  /** An administrator of the whole product. */
  isAdmin: boolean;
  /** The active role in the thing's workspace; null for strangers and for members who were suspended. */
  role: WorkspaceRole | null;
  /** True when this person ordered the workload in question. */
  isOwn: boolean;
}

/** "hidden" answers like something that does not exist: strangers learn nothing, not even that it is there. */
export type Decision = "allowed" | "forbidden" | "hidden";

/** "own": only where this person ordered it. */
type Rule = "yes" | "own" | "no";

const RULES: Record<WorkspaceAction, Record<WorkspaceRole, Rule>> = {
  "read-workspace": { owner: "yes", admin: "yes", member: "yes", viewer: "yes" },
  "change-workspace": { owner: "yes", admin: "yes", member: "no", viewer: "no" },
  "delete-workspace": { owner: "yes", admin: "no", member: "no", viewer: "no" },
  "read-members": { owner: "yes", admin: "yes", member: "yes", viewer: "yes" },
  "manage-members": { owner: "yes", admin: "yes", member: "no", viewer: "no" },
  "manage-registry-credentials": { owner: "yes", admin: "yes", member: "no", viewer: "no" },
  "read-bill": { owner: "yes", admin: "yes", member: "no", viewer: "no" },
  "create-workload": { owner: "yes", admin: "yes", member: "yes", viewer: "no" },
  "read-workload": { owner: "yes", admin: "yes", member: "yes", viewer: "yes" },
  // What it answers costs money: who only looks on drives no replica.
  "ask-service": { owner: "yes", admin: "yes", member: "yes", viewer: "no" },
  "manage-workload": { owner: "yes", admin: "yes", member: "own", viewer: "no" },
};

export function decide(action: WorkspaceAction, role: AccessRole): Decision {
  if (role.isAdmin) return "allowed";
  if (role.role === null) return "hidden";
  switch (RULES[action][role.role]) {
    case "yes":
      return "allowed";
    case "own":
      return role.isOwn ? "allowed" : "forbidden";
    case "no":
      return "forbidden";
  }
}

const rolesThatMay = (action: WorkspaceAction): readonly WorkspaceRole[] =>
  WORKSPACE_ROLES.filter((role) => RULES[action][role] === "yes");

/** The roles that see a workspace's whole bill and all its workloads' charges, for queries. */
export const BILL_READERS = rolesThatMay("read-bill");
/** The roles that invite, and change and remove members, for queries. */
export const MEMBER_MANAGERS = rolesThatMay("manage-members");
/** The roles that manage whatever workload of a workspace, for queries; who ordered one is another matter. */
export const WORKLOAD_MANAGERS = rolesThatMay("manage-workload");
/** The roles that see which registries a workspace has credentials of, for queries. */
export const CREDENTIAL_KEEPERS = rolesThatMay("manage-registry-credentials");
