/**
 * How fast a backlog of seven days drains: one host with twenty runs and a row a minute of each, sent by the agent's own
 * outbox and taken in by a control plane with a real NATS and a real Postgres, every row as it was chained.
 */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgres } from "@remotegpu/control-plane/embedded/postgres";
import { openDatabase } from "@remotegpu/control-plane/store/database/database";
import { examine } from "@remotegpu/control-plane/store/doctor/examination";
import { migrate } from "@remotegpu/control-plane/store/migrate";
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/units";
import { AwayHost } from "../support/agent/away-host.ts";
import { eventually } from "../support/eventually.ts";
import { startTestNats } from "../support/engines/nats.ts";
import { quietLog } from "../support/quiet-log.ts";
import { startControlPlane } from "./control-plane-process.ts";

const AWAY = { days: 7, runs: 20, rowMs: MS_PER_MINUTE };
const DRAINS_WITHIN_MS = 10 * MS_PER_MINUTE;

export async function measureBacklog(
  say: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "remotegpu-bench-"));
  ending.defer(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  const postgres = await startPostgres({ stateDir: join(folder, "postgres"), log: quietLog });
  ending.defer(() => postgres.stop());
  const database = openDatabase(postgres.url);
  ending.defer(() => database.close());
  await migrate(postgres.url);
  const nats = await startTestNats();
  ending.defer(() => nats.close());
  const controlPlane = await startControlPlane({
    folder: join(folder, "control-plane"),
    operatorFile: join(nats.folder, "operator.json"),
    databaseUrl: postgres.url,
    natsUrl: nats.address.urls[0] ?? "",
  });
  ending.defer(() => controlPlane.process.stop());
  const host = await AwayHost.gone(database, "away", AWAY);
  ending.defer(() => host.close());

  const cpuBefore = controlPlane.process.cpuMs() / MS_PER_SECOND;
  const startedMs = performance.now();
  await host.comeBack(nats, { apiUrl: controlPlane.url, database });
  await eventually(
    async () => {
      controlPlane.process.said();
      const { rows } = await database.query<{ watermark: number }>("SELECT watermark FROM host_journals");
      return rows[0]?.watermark === host.rows;
    },
    { withinMs: DRAINS_WITHIN_MS, what: "the whole backlog decided" },
  );
  const seconds = (performance.now() - startedMs) / MS_PER_SECOND;
  const cpuSeconds = controlPlane.process.cpuMs() / MS_PER_SECOND - cpuBefore;
  const broken = (await examine(database, new Date())).filter(({ state }) => state !== "well");

  say(`A backlog of ${AWAY.days} days: ${host.rows} rows of ${AWAY.runs} runs`);
  say(`  until all were decided              ${seconds.toFixed(1)} s`);
  say(`  rows a second                       ${(host.rows / seconds).toFixed(0)}`);
  say(`  CPU of the control plane            ${cpuSeconds.toFixed(1)} s`);
  say(`  what the doctor finds broken        ${broken.map(({ check }) => check).join(", ") || "nothing"}`);
}
