/**
 * The journal against a model of it in memory: whatever the agent writes, in whatever order, reopened or cut off at
 * any moment, both hold the same. A cut-off is a copy of the files as the kernel holds them, which is what a killed
 * process leaves behind.
 */
import assert from "node:assert";
import { copyFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import type { InstanceId, RunId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { ReadEntry } from "@remotegpu/shared/proof/journal-row";
import { meter, type MeteredRun } from "@remotegpu/agent/core/metering/metering";
import type { RunRecord } from "@remotegpu/agent/core/runs/run-record";
import type { UsageInterval } from "@remotegpu/agent/core/metering/usage-interval";
import { BALLAST_FILE } from "@remotegpu/agent/journal/database/ballast";
import type { Journal, JournalDamage } from "@remotegpu/agent/journal/journal";
import { expect, test } from "vitest";
import { brokenLinks, journalFolder, journalIn, rowsOf } from "../../support/agent/journal.ts";
import { BOOT, desiredInstance, runRecord } from "../../support/samples/journal-samples.ts";

const RUN_IDS = ["run-a", "run-b", "run-c", "run-d"];
const INSTANCES = ["env-a", "env-b", "env-c"].map((id) => id as InstanceId);
const WANTS = ["running", "stopped", "removed"] as const;

const runId = fc.constantFrom(...RUN_IDS);
const step = fc.oneof(
  fc.record({ do: fc.constant("save" as const), runId, containerId: fc.constantFrom("c1", "c2") }),
  fc.record({
    do: fc.constant("tick" as const),
    passedMs: fc.integer({ min: 0, max: 70_000 }),
    pid: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({ do: fc.constant("end" as const), runId }),
  fc.record({ do: fc.constant("forget" as const), runId }),
  fc.record({ do: fc.constant("confirm" as const), part: fc.integer({ min: 0, max: 4 }) }),
  fc.record({
    do: fc.constant("pull" as const),
    term: fc.integer({ min: 1, max: 3 }),
    generation: fc.integer({ min: 1, max: 6 }),
    wants: fc.array(fc.option(fc.constantFrom(...WANTS)), {
      minLength: INSTANCES.length,
      maxLength: INSTANCES.length,
    }),
  }),
  fc.record({ do: fc.constant("gone" as const), instanceId: fc.constantFrom(...INSTANCES) }),
  fc.record({ do: fc.constant("reopen" as const) }),
  fc.record({ do: fc.constant("crash" as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class Model {
  nowMs = 1_000;
  epoch = 1;
  runs = new Map<string, { record: RunRecord; isFinal: boolean }>();
  intervals = new Map<RunId, UsageInterval>();
  entries: ReadEntry[] = [];
  watermark = 0;
  applied = { term: 0, generation: 0 };
  desired = new Map<InstanceId, { entry: DesiredInstance; isAbsent: boolean; isGone: boolean }>();

  unfinished(): RunRecord[] {
    return [...this.runs.values()].filter((run) => !run.isFinal).map((run) => run.record);
  }

  metered(pid: number): MeteredRun[] {
    return this.unfinished().map(({ runId, instanceId, placementEpoch, end }) => {
      const process = {
        bootId: BOOT,
        pid,
        startTicks: 1,
        sinceMs: this.nowMs,
        life: { state: "alive" as const },
      };
      return { runId, instanceId, placementEpoch, process, isOver: end !== null };
    });
  }

  contents(): Contents {
    return {
      agentEpoch: this.epoch,
      applied: { ...this.applied },
      watermark: this.watermark,
      entries: [...this.entries],
      brokenLinks: [],
      intervals: new Map(this.intervals),
      runs: byId([...this.runs.values()].map((run) => run.record)),
      unfinished: byId(this.unfinished()),
      desired: [...this.desired.values()]
        .map(({ entry, isAbsent }): Contents["desired"][number] => [entry.instanceId, entry.want, isAbsent])
        .toSorted(([a], [b]) => (a < b ? -1 : 1)),
      damage: { rows: [], intervals: [], runs: [], desired: 0 },
    };
  }

  dropDone(): void {
    for (const [id, { entry, isAbsent, isGone }] of this.desired)
      if (entry.want === "removed" && isAbsent && isGone) this.desired.delete(id);
  }
}

interface Contents {
  agentEpoch: number;
  applied: { term: number; generation: number };
  watermark: number;
  entries: ReadEntry[];
  brokenLinks: number[];
  intervals: Map<RunId, UsageInterval>;
  runs: RunRecord[];
  unfinished: RunRecord[];
  desired: [InstanceId, string, boolean][];
  damage: JournalDamage;
}

/** Does one step on both; gives the journal that goes on. */
function perform(step: Step, model: Model, journal: Journal, folder: { path: string }): Journal {
  switch (step.do) {
    case "save": {
      const known = model.runs.get(step.runId);
      const record = { ...(known?.record ?? runRecord(step.runId)), containerId: step.containerId };
      model.runs.set(step.runId, { record, isFinal: known?.isFinal ?? false });
      journal.runs.save(record);
      return journal;
    }
    case "end": {
      const known = model.runs.get(step.runId);
      if (known === undefined) return journal;
      known.record = {
        ...known.record,
        end: { phase: "stopped", problem: null, detail: "Over.", exitCode: 0, orderedBy: null },
      };
      journal.runs.save(known.record);
      return journal;
    }
    case "tick": {
      model.nowMs += step.passedMs;
      const now = { bootId: BOOT, nowMs: model.nowMs, wallMs: 0 };
      const steps = meter(model.metered(step.pid), model.intervals, now);
      journal.record(meter(model.metered(step.pid), journal.intervals(), now), model.nowMs);
      for (const { runId, rows, interval, isEnded } of steps) {
        model.entries.push(...rows);
        if (interval === null) model.intervals.delete(runId);
        else model.intervals.set(runId, interval);
        const run = model.runs.get(runId);
        if (run !== undefined && isEnded) run.isFinal = true;
      }
      return journal;
    }
    case "forget": {
      const isFinal = model.runs.get(step.runId)?.isFinal === true;
      if (isFinal) model.runs.delete(step.runId);
      assert.equal(journal.runs.forget(step.runId as RunId), isFinal);
      return journal;
    }
    case "confirm": {
      model.watermark = Math.floor((model.entries.length * step.part) / 4);
      journal.confirm({ journalId: journal.head().journalId, watermark: model.watermark, dbIncarnation: 1 });
      return journal;
    }
    case "pull": {
      const { term, generation, wants } = step;
      const instances = INSTANCES.flatMap((id, n) => {
        const want = wants[n] ?? null;
        return want === null ? [] : [desiredInstance(id, { want })];
      });
      const isOlder = term < model.applied.term || generation < model.applied.generation;
      if (!isOlder) {
        model.applied = { term, generation };
        for (const known of model.desired.values()) known.isAbsent = true;
        for (const entry of instances)
          model.desired.set(entry.instanceId, {
            entry,
            isAbsent: false,
            isGone: model.desired.get(entry.instanceId)?.isGone ?? false,
          });
        model.dropDone();
      }
      const outcome = journal.desired.replace({ term, generation, confirmedStops: null, instances });
      assert.equal(outcome.applied, !isOlder);
      return journal;
    }
    case "gone": {
      const known = model.desired.get(step.instanceId);
      if (known?.entry.want === "removed") known.isGone = true;
      model.dropDone();
      journal.desired.confirmGone(step.instanceId, 1);
      return journal;
    }
    case "reopen": {
      journal.close();
      model.epoch += 1;
      return journalIn(folder.path);
    }
    case "crash": {
      const left = journalFolder();
      for (const file of readdirSync(folder.path))
        if (file !== BALLAST_FILE) copyFileSync(join(folder.path, file), join(left, file));
      journal.close();
      folder.path = left;
      model.epoch += 1;
      return journalIn(folder.path);
    }
  }
}

const byId = (records: Iterable<RunRecord>) => [...records].toSorted((a, b) => (a.runId < b.runId ? -1 : 1));

/** All that a journal holds, read anew. */
function contentsOf(journal: Journal): Contents {
  const rows = rowsOf(journal);
  const { journalId, agentEpoch, applied, watermarkSeen } = journal.head();
  return {
    agentEpoch,
    applied,
    watermark: watermarkSeen,
    entries: rows.map((row) => row.entry),
    brokenLinks: brokenLinks(journalId, rows),
    intervals: journal.intervals(),
    runs: byId(journal.runs.all()),
    unfinished: byId(journal.runs.unfinished()),
    desired: journal.desired.read().instances.map((each) => [each.instanceId, each.want, each.isAbsent]),
    damage: journal.damage,
  };
}

test("whatever is written, reopened or cut off, the journal holds what its model holds", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 40, size: "max" }), (steps) => {
      const folder = { path: journalFolder() };
      const model = new Model();
      let journal = journalIn(folder.path);

      const held: Contents[] = [];
      const modelled: Contents[] = [];
      for (const each of [...steps, { do: "reopen" as const }]) {
        journal = perform(each, model, journal, folder);
        if (each.do !== "reopen" && each.do !== "crash") continue;
        held.push(contentsOf(journal));
        modelled.push(model.contents());
      }

      expect(held).toEqual(modelled);
      journal.close();
    }),
    { numRuns: 15 },
  );
});
