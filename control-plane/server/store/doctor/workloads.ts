/**
 * Do statuses agree with placements, and do they pass? Environments that the old system left and that are not settled yet have neither
 * an instance nor an event of ours, and are left out.
 */
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { limitMs } from "../../core/environments/environment-status.ts";
import { drainLimitMs } from "../../core/inference/drain.ts";
import { ENVIRONMENT_STATUSES } from "@remotegpu/shared/values/workload";
import type { Connection } from "../database/database.ts";
import { isOfEnvironment } from "../environments/environment-instances.ts";
import { isOfService } from "../inference/service-instances.ts";
import { findRows, type Found, type Question } from "./question.ts";

/** The leader looks every few seconds; a change of leaders takes less than this. */
const LATE_MS = 2 * MS_PER_MINUTE;

export const WORKLOAD_QUESTIONS: readonly Question[] = [
  {
    check: "running-environments-are-placed",
    claim: "Every environment that is being started, runs or is being stopped has a live placement.",
    request: runningWithoutPlacement,
  },
  {
    check: "ended-environments-do-not-run",
    claim: "No environment that is queued or has ended is wanted running.",
    request: endedAndWanted,
  },
  {
    check: "deleted-environments-left-nothing",
    claim: "No host is left with anything of a deleted environment.",
    request: deletedAndPlaced,
  },
  {
    check: "instances-are-placed",
    claim: "Every instance that is placed, starts, runs or stops has a live placement.",
    request: instancesWithoutPlacement,
  },
  {
    check: "deadlines-are-kept",
    claim: "No environment is in a passing status beyond its deadline, or without one.",
    request: overdueStatuses,
  },
  {
    check: "drains-end",
    claim: "No replica of a service drains for longer than the service lets it.",
    request: endlessDrains,
  },
];

const OURS = `(EXISTS (SELECT FROM instances i WHERE ${isOfEnvironment("i", "e.id")})
    OR EXISTS (SELECT FROM events v WHERE ${isOfEnvironment("v", "e.id")}))`;
const PLACEMENT = `instances i JOIN placements p ON p.instance_id = i.id
     WHERE ${isOfEnvironment("i", "e.id")}`;

async function runningWithoutPlacement(sql: Connection): Promise<Found> {
  return await findRows<{ id: string; status: string }>(
    sql,
    `SELECT e.id, e.status FROM environments e
      WHERE e.deleted_at IS NULL AND e.status IN ('creating', 'running', 'restarting', 'stopping') AND ${OURS}
        AND NOT EXISTS (SELECT FROM ${PLACEMENT} AND p.resources_released_at IS NULL)`,
    ({ id, status }) => ({
      finding: "environment-without-placement",
      subject: { environment: id },
      sentence: `It is ${status}, and nothing is placed anywhere: no report can ever move it. Stop or delete it.`,
    }),
  );
}

async function endedAndWanted(sql: Connection): Promise<Found> {
  return await findRows<{ id: string; status: string; host_id: string }>(
    sql,
    `SELECT e.id, e.status, p.host_id FROM environments e
       JOIN instances i ON ${isOfEnvironment("i", "e.id")}
       JOIN placements p ON p.instance_id = i.id
      WHERE e.deleted_at IS NULL AND e.status IN ('queued', 'stopped', 'error')
        AND p.resources_released_at IS NULL AND p.want = 'running'`,
    ({ id, status, host_id }) => ({
      finding: "environment-runs-unseen",
      subject: { environment: id, host: host_id },
      sentence: `It is ${status}, and its host is still told to run it, at the customer's cost. Delete it, or order its placement stopped.`,
    }),
  );
}

async function deletedAndPlaced(sql: Connection): Promise<Found> {
  return await findRows<{ id: string; host_id: string }>(
    sql,
    `SELECT e.id, p.host_id FROM environments e
       JOIN instances i ON ${isOfEnvironment("i", "e.id")}
       JOIN placements p ON p.instance_id = i.id
      WHERE e.deleted_at IS NOT NULL AND p.gone_at IS NULL`,
    ({ id, host_id }) => ({
      finding: "deleted-environment-placed",
      subject: { environment: id, host: host_id },
      sentence: "It is deleted, and its host has not confirmed that its container is gone.",
    }),
  );
}

async function instancesWithoutPlacement(sql: Connection): Promise<Found> {
  return await findRows<{ id: string; state: string; workload_id: string }>(
    sql,
    `SELECT i.id, i.state, i.workload_id FROM instances i
      WHERE i.state IN ('placed', 'starting', 'ready', 'stopping')
        AND NOT (i.current_epoch = 0 AND i.revision IS NOT NULL AND i.dismissed_at IS NULL)
        AND NOT EXISTS (SELECT FROM placements p WHERE p.instance_id = i.id AND p.resources_released_at IS NULL)`,
    ({ id, state, workload_id }) => ({
      finding: "instance-without-placement",
      subject: { instance: id, workload: workload_id },
      sentence: `It is ${state}, and nothing of it is placed anywhere.`,
    }),
  );
}

async function overdueStatuses(sql: Connection, now: Date): Promise<Found> {
  return await findRows<{ id: string; status: string; deadline: Date | null }>(
    sql,
    `SELECT e.id, e.status, e.status_deadline_at AS deadline FROM environments e
      WHERE e.deleted_at IS NULL AND e.status = ANY($2::text[]) AND ${OURS}
        AND (e.status_deadline_at IS NULL OR e.status_deadline_at < $1)`,
    ({ id, status, deadline }) => ({
      finding: deadline === null ? "status-without-deadline" : "status-overdue",
      subject: { environment: id },
      sentence:
        deadline === null
          ? `It is ${status} and nothing will ever end that. Delete it, or stop it.`
          : `It is ${status} beyond its deadline of ${deadline.toISOString()}. Does a control plane run and lead? Its log says why the deadline was not acted upon.`,
    }),
    [new Date(now.getTime() - LATE_MS), ENVIRONMENT_STATUSES.filter((status) => limitMs(status) !== null)],
  );
}

async function endlessDrains(sql: Connection, now: Date): Promise<Found> {
  return await findRows<{ service_id: string; rank: number; since: Date }>(
    sql,
    `SELECT i.workload_id AS service_id, i.rank, i.draining_since AS since
       FROM instances i JOIN inference_services s ON ${isOfService("i", "s.id")}
      WHERE i.dismissed_at IS NULL
        AND i.draining_since + make_interval(secs => $2 + coalesce((s.config ->> 'drain_seconds')::float, $3)) < $1`,
    ({ service_id, rank, since }) => ({
      finding: "drain-overdue",
      subject: { service: service_id, replica: rank },
      sentence: `It drains since ${since.toISOString()}, at its owner's cost. Does a control plane run and lead? Its log says why the replica was not ended.`,
    }),
    [now, LATE_MS / MS_PER_SECOND, drainLimitMs(null) / MS_PER_SECOND],
  );
}
