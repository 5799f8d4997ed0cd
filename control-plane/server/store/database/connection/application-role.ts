/**
 * The role in which the control plane works: without a login, without tables of its own, and without the right to
 * change what is append-only. Roles are the cluster's, so all databases there share this one; what it may do is each
 * database's. What it may do is granted in grants.ts; how connections come to work in it is in connection-role.ts.
 */
export const APPLICATION_ROLE = "remotegpu_app";
