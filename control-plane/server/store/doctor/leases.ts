/** Does each port have one owner, and do orders, port mappings and the environments' mirrors say the same of it? */
import type { Connection } from "../database/database.ts";
import { isOfEnvironment } from "../environments/environment-instances.ts";
import { mirroredPorts } from "../leases/port-mappings.ts";
import { findRows, type Found, type Question } from "./question.ts";

export const LEASE_QUESTIONS: readonly Question[] = [
  {
    check: "ports-leased-once",
    claim: "Every port of a host is leased once.",
    request: portsLeasedTwice,
  },
  {
    check: "bound-leases-are-mapped",
    claim: "Every lease that is wanted and bound has its port mapping, with the same port.",
    request: leasesWithoutMapping,
  },
  {
    check: "mappings-are-leased",
    claim: "Every live port mapping belongs to a lease that is not over.",
    request: mappingsWithoutLease,
  },
  {
    check: "environments-show-their-ports",
    claim: "Every environment shows the ports of its live leases, and no others.",
    request: mirrorsThatDiffer,
  },
  {
    check: "leases-have-an-environment",
    claim: "No lease is wanted for an environment that is deleted or being deleted.",
    request: leasesOfDeleted,
  },
  {
    check: "leases-have-a-host",
    claim: "No lease is open on a host that has left the fleet.",
    request: leasesOfGoneHosts,
  },
];

async function portsLeasedTwice(sql: Connection): Promise<Found> {
  return await findRows<{ host_id: string; port: number; environments: string }>(
    sql,
    `SELECT host_id, external_port AS port, string_agg(env_id, ', ' ORDER BY env_id) AS environments FROM port_mappings
      WHERE status = 'active' AND host_id IS NOT NULL GROUP BY host_id, external_port HAVING count(*) > 1`,
    ({ host_id, port, environments }) => ({
      finding: "port-leased-twice",
      subject: { host: host_id, port },
      sentence: `The environments ${environments} hold it; the host can have bound it for one only.`,
    }),
  );
}

async function leasesWithoutMapping(sql: Connection): Promise<Found> {
  return await findRows<{ id: string; env_id: string; host_id: string; port: number; mapped: number | null }>(
    sql,
    `SELECT o.id, o.env_id, o.host_id, o.external_port AS port, p.external_port AS mapped FROM lease_orders o
       LEFT JOIN port_mappings p ON p.lease_id = o.id AND p.env_id = o.env_id AND p.status = 'active'
      WHERE o.ended_at IS NULL AND o.want = 'held' AND o.state = 'held'
        AND (p.id IS NULL OR (p.host_id, p.service_type, p.internal_port, p.external_port)
             IS DISTINCT FROM (o.host_id, o.service_type, o.internal_port, o.external_port))`,
    ({ id, env_id, host_id, port, mapped }) => ({
      finding: mapped === null ? "lease-without-mapping" : "mapping-differs",
      subject: { lease: id, environment: env_id, host: host_id, port },
      sentence:
        mapped === null
          ? "Its host has bound it, and nobody is told the number."
          : `Its port mapping has another host, service or port (${mapped}): people are told what leads elsewhere.`,
    }),
  );
}

async function mappingsWithoutLease(sql: Connection): Promise<Found> {
  return await findRows<{ id: number; env_id: string; host_id: string | null; port: number }>(
    sql,
    `SELECT p.id, p.env_id, p.host_id, p.external_port AS port FROM port_mappings p
       LEFT JOIN lease_orders o ON o.id = p.lease_id AND o.env_id = p.env_id AND o.ended_at IS NULL
      WHERE p.lease_id IS NOT NULL AND p.status = 'active' AND o.id IS NULL`,
    ({ id, env_id, host_id, port }) => ({
      finding: "mapping-without-lease",
      subject: { mapping: id, environment: env_id, ...(host_id !== null && { host: host_id }), port },
      sentence: "No host holds it for this environment any more; mark it released.",
    }),
  );
}

/** Environments that the old system left and that never ran here show that system's ports until they are settled. */
async function mirrorsThatDiffer(sql: Connection): Promise<Found> {
  return await findRows<{ id: string; visible: string; held: string }>(
    sql,
    `SELECT e.id, concat_ws(', ', e.ssh_port, e.rdp_port, e.jupyter_port, e.tensorboard_port) AS visible,
            concat_ws(', ', live.ssh, live.rdp, live.jupyter, live.tensorboard) AS held
       FROM environments e CROSS JOIN LATERAL (${mirroredPorts("e.id")}) live
      WHERE e.deleted_at IS NULL
        AND EXISTS (SELECT FROM instances i WHERE ${isOfEnvironment("i", "e.id")})
        AND (e.ssh_port, e.rdp_port, e.jupyter_port, e.tensorboard_port)
            IS DISTINCT FROM (live.ssh, live.rdp, live.jupyter, live.tensorboard)`,
    ({ id, visible, held }) => ({
      finding: "shown-ports-differ",
      subject: { environment: id },
      sentence: `It shows the ports ${visible || "none"}, and holds ${held || "none"} for its services.`,
    }),
  );
}

async function leasesOfDeleted(sql: Connection): Promise<Found> {
  return await findRows<{ id: string; env_id: string; host_id: string }>(
    sql,
    `SELECT o.id, o.env_id, o.host_id FROM lease_orders o JOIN environments e ON e.id = o.env_id
      WHERE o.ended_at IS NULL AND o.want = 'held' AND (e.deleted_at IS NOT NULL OR e.status = 'deleting')`,
    ({ id, env_id, host_id }) => ({
      finding: "lease-of-deleted-environment",
      subject: { lease: id, environment: env_id, host: host_id },
      sentence: "Its host keeps the port for nobody until it counts as idle; order its release.",
    }),
  );
}

async function leasesOfGoneHosts(sql: Connection): Promise<Found> {
  return await findRows<{ id: string; env_id: string; host_id: string }>(
    sql,
    `SELECT o.id, o.env_id, o.host_id FROM lease_orders o JOIN hosts h ON h.id = o.host_id
      WHERE o.ended_at IS NULL AND h.deleted_at IS NOT NULL`,
    ({ id, env_id, host_id }) => ({
      finding: "lease-on-gone-host",
      subject: { lease: id, environment: env_id, host: host_id },
      sentence: "No report will ever end it; the host was deleted or declared lost.",
    }),
  );
}
