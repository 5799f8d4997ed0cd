/**
 * The role in which the control plane works: without a login, without tables of its own, and without the right to
 * change what is append-only. Roles are the cluster's, so all databases there share this one; what it may do is each
 * database's. What it may do is granted in grants.ts.
 */
export const APPLICATION_ROLE = "remotegpu_app";

/**
 * Puts a session into the role, if it may and this database has granted the role anything yet; otherwise it stays
 * what it is, and the doctor says so. Since Postgres 16 a member may be one without the right to SET ROLE.
 */
export const TAKE_APPLICATION_ROLE = `
  SELECT set_config('role', r.rolname, false) FROM pg_roles r
   WHERE r.rolname = '${APPLICATION_ROLE}'
     AND CASE WHEN current_setting('server_version_num')::int >= 160000 THEN pg_has_role(r.oid, 'SET')
              ELSE pg_has_role(r.oid, 'MEMBER') END
     AND EXISTS (SELECT FROM pg_class c
                  WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = 'ledger_entries'
                    AND has_table_privilege(r.oid, c.oid, 'INSERT'))`;
