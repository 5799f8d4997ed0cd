/**
 * What hosts' kernel logs say of GPUs, as people see it: a workload's people the errors of its program, once each, and
 * operators what closes no GPU, with an alarm for what nobody knows. No host fills the lists.
 */
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MAX_GPU_FAULTS, MAX_KERNEL_NOTES, type KernelNote } from "@remotegpu/shared/instance/gpu-errors";
import { BootId, GpuUuid } from "@remotegpu/shared/values/ids";
import { ObservedInstance } from "@remotegpu/shared/instance/instance";
import { ObservedReport } from "@remotegpu/shared/messages/protocol";
import { MOST_NOTES_OF_HOST } from "@remotegpu/control-plane/server/store/reports/health/kernel-notes";
import { MOST_FAULTS_OF_RUN } from "@remotegpu/control-plane/server/store/reports/runs/gpu-faults";
import { databaseOfFile } from "../../../support/engines/postgres.ts";
import type { Caller } from "../../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../../support/worlds/control-scene.ts";

let scene: ControlScene;
let alice: Caller;
let host: ScriptedHost;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openControlScene(await emptyDatabase());
  alice = await scene.customer("alice");
  host = await scene.host("host-a", { gpus: 1 });
});
afterEach(async () => await scene.close());

const CARD = GpuUuid.parse("GPU-host-a-000000");
const TOUCHED = "Your program touched GPU memory that is not its own (Xid 31).";
const fault = (seq: number) => ({ seq, code: "xid-31", reason: TOUCHED });
const sql = async (text: string, values: unknown[] = []) => (await scene.api.db.query(text, values)).rows;

describe("a program's error", () => {
  let id: string;
  beforeEach(async () => {
    id = (await scene.order(alice, { gpu: 1 })).body.id;
    await scene.schedule();
    await host.round();
  });

  const request = async (what: string, as: Caller = alice) =>
    await scene.api.request("GET", `/api/v1/environments/${id}/${what}`, { as });
  const faultEvents = async () =>
    (await request("events")).body.items.filter(({ kind }: { kind: string }) => kind === "gpu-fault");

  test("is an event of its workload, once, and stands in why; the GPU stays in service", async () => {
    await host.round({ phase: "ready", gpuFaults: [fault(7)] });
    await host.round({ phase: "ready", gpuFaults: [fault(7)] });
    await host.round({ phase: "ready", gpuFaults: [fault(7), fault(9)] });

    expect(await faultEvents()).toMatchObject([
      { new: "xid-31", reason: TOUCHED, actor: "host host-a", host_id: "host-a" },
      { new: "xid-31", reason: TOUCHED },
    ]);
    expect((await request("why")).body.gpu_faults).toMatchObject([
      { code: "xid-31", reason: TOUCHED, rank: 0 },
      { code: "xid-31", reason: TOUCHED, rank: 0 },
    ]);
    expect(await sql("SELECT cordoned FROM gpus")).toEqual([{ cordoned: false }]);
  });

  test("is another one in another boot", async () => {
    const [wanted] = host.desired;
    const seen = host.observedOf(wanted!, { gpuFaults: [fault(7)] });
    await host.report([seen]);
    await host.report([{ ...seen, bootId: BootId.parse(randomUUID()) }]);

    expect(await faultEvents()).toHaveLength(2);
  });

  test("is part of the reason with which its workload fails, as its host reports it", async () => {
    const detail = `The command ended with exit code 1. ${TOUCHED}`;
    await host.round({ phase: "failed", problem: "exited", exitCode: 1, detail, gpuFaults: [fault(7)] });

    expect(await scene.get(alice, id)).toMatchObject({ status: "error", status_reason: detail });
    expect((await request("why")).body).toMatchObject({ reason: detail, gpu_faults: [{ code: "xid-31" }] });
  });

  test("is no host's to report of another host's run", async () => {
    const other = await scene.host("host-b", { gpus: 1 });
    const [wanted] = host.desired;
    await other.report([other.observedOf(wanted!, { gpuFaults: [fault(7)] })]);

    expect(await faultEvents()).toEqual([]);
  });

  test("that a host makes up without end is taken up to a bound", async () => {
    const faults = (from: number) => Array.from({ length: MAX_GPU_FAULTS }, (_, at) => fault(from + at));
    for (let from = 0; from < 2 * MOST_FAULTS_OF_RUN; from += MAX_GPU_FAULTS)
      await host.report([host.observedOf(host.desired[0]!, { gpuFaults: faults(from) })]);

    const count = (await sql("SELECT count(*) FROM run_gpu_faults"))[0]?.count;
    expect(count).toBeGreaterThanOrEqual(MOST_FAULTS_OF_RUN);
    expect(count).toBeLessThan(MOST_FAULTS_OF_RUN + MAX_GPU_FAULTS);
  });

  test("in words of a later agent is nothing, and costs the report nothing", () => {
    const seen = host.observedOf(host.desired[0]!, { phase: "ready" });

    expect(
      ObservedInstance.parse({ ...seen, gpuFaults: [{ seq: -1, code: "X" }] }).gpuFaults,
    ).toBeUndefined();
    expect(ObservedInstance.parse({ ...seen, gpuFaults: [fault(1)] }).gpuFaults).toEqual([fault(1)]);
  });
});

describe("a note of the kernel log", () => {
  const note = (change: Partial<KernelNote> = {}): KernelNote => ({
    gpuUuid: CARD,
    device: "00000000:65:00",
    code: "xid-63",
    reason: "Xid 63: a memory row or page was marked for replacement.",
    count: 1,
    isUnknown: false,
    ...change,
  });
  const reports = async (...notes: KernelNote[]) => {
    host.kernelNotes = notes;
    await host.report([]);
  };
  const noteEvents = async () =>
    (await sql("SELECT new, reason, gpu_uuid FROM events WHERE kind = 'gpu-note' ORDER BY id")).map(
      ({ new: code, reason, gpu_uuid: uuid }) => `${code} ${uuid ?? "no GPU"} ${reason}`,
    );
  const alarms = async () =>
    (
      await sql(
        "SELECT subject FROM alarms WHERE kind = 'unknown-gpu-error' AND cleared_at IS NULL ORDER BY id",
      )
    ).map(({ subject }) => subject);

  test("is an event once, and again when it has become ten times as often", async () => {
    for (const count of [1, 2, 9, 10, 11, 99, 250]) await reports(note({ count }));

    const words = "xid-63 GPU-host-a-000000 Xid 63: a memory row or page was marked for replacement.";
    expect(await noteEvents()).toEqual([
      words,
      `${words} 10 times since the host started.`,
      `${words} 250 times since the host started.`,
    ]);
    expect(await alarms()).toEqual([]);
  });

  test("has the code of its reason, also in its event and its alarm", async () => {
    const meaning = { code: "xid-memory-marked", params: {} } as const;
    const marked = { code: "xid", params: { xid: 63, meaning } } as const;
    const unknown = { code: "xid-not-in-table", params: { xid: 999 } } as const;
    const reason = "Xid 999: a number that is in no table of this version.";
    await reports(note({ why: marked }), note({ code: "xid-999", reason, why: unknown, isUnknown: true }));
    await reports(note({ why: marked, count: 10 }));

    const ofHost = await scene.api.request("GET", "/api/v1/hosts/host-a/events", { as: scene.api.admin });
    expect(ofHost.body.items.slice(0, 3)).toMatchObject([
      { new: "xid-63", reason_code: "kernel-note-repeated", reason_params: { note: marked, times: 10 } },
      { new: "xid-999", reason_code: unknown.code, reason_params: unknown.params },
      { new: "xid-63", reason_code: marked.code, reason_params: marked.params },
    ]);
    const { body } = await scene.api.request("GET", "/api/v1/alarms", { as: scene.api.admin });
    expect(body.items).toMatchObject([
      {
        detail: `Host host-a tells of an error of the GPU at 00000000:65:00 that nobody knows. ${reason}`,
        reason_code: "gpu-error-unknown",
        reason_params: { host_id: "host-a", device: "00000000:65:00", why: unknown },
      },
    ]);
  });

  test("is an event of the host that operators see, where it is of no GPU that the host lists", async () => {
    await reports(note({ gpuUuid: null, device: null, code: "sxid-12028", reason: "SXid 12028." }));
    await reports(note({ gpuUuid: GpuUuid.parse("GPU-host-b-000000"), code: "aer", reason: "Its link." }));

    const { body } = await scene.api.request("GET", "/api/v1/hosts/host-a/events", { as: scene.api.admin });
    expect(body.items.slice(0, 2)).toMatchObject([
      { kind: "gpu-note", new: "aer", gpu_uuid: null },
      { kind: "gpu-note", new: "sxid-12028", gpu_uuid: null, host_id: "host-a", actor: "host host-a" },
    ]);
  });

  test("of a number that nobody knows is an alarm, until somebody has cleared it", async () => {
    const unknown = note({
      code: "xid-999",
      isUnknown: true,
      reason: "Xid 999: a number that is in no table.",
    });
    await reports(unknown);
    await reports(unknown, note({ ...unknown, device: "00000000:66:00" }));

    const { body } = await scene.api.request("GET", "/api/v1/alarms?kind=unknown-gpu-error", {
      as: scene.api.admin,
    });
    expect(body.items).toMatchObject([
      {
        subject: "host-a xid-999",
        detail: expect.stringContaining("Xid 999"),
        about: { kind: "host", id: "host-a" },
      },
    ]);
    await scene.api.request("POST", `/api/v1/alarms/${body.items[0]!.id}/clear`, { as: scene.api.admin });
    await reports(unknown);
    expect(await alarms()).toEqual([]);
  });

  test("is reported again after the host has started anew", async () => {
    await reports(note({ count: 5 }));
    await sql("UPDATE hosts SET boot_id = $1", [randomUUID()]);
    await reports(note());

    expect(await noteEvents()).toHaveLength(2);
  });

  test("is not reported by a report without notes of the log, nor by an agent of before", async () => {
    await reports(note());
    host.kernelNotes = null;
    await host.report([]);
    await reports(note());

    expect(await noteEvents()).toHaveLength(1);
    const report = { kind: "observed", digest: "0".repeat(64), page: 0, pages: 1, machine: null, gpus: null };
    expect(ObservedReport.parse({ ...report, instances: [] }).kernelNotes).toBeUndefined();
    expect(
      ObservedReport.parse({ ...report, instances: [], kernelNotes: [{ code: 7 }] }).kernelNotes,
    ).toBeUndefined();
  });

  test("that a host makes up without end is taken up to a bound, and so are alarms", async () => {
    for (let from = 0; from < MOST_NOTES_OF_HOST + MAX_KERNEL_NOTES; from += MAX_KERNEL_NOTES)
      await reports(
        ...Array.from({ length: MAX_KERNEL_NOTES }, (_, at) =>
          note({ code: `xid-${1_000 + from + at}`, isUnknown: true }),
        ),
      );

    expect(await sql("SELECT count(*) FROM host_kernel_notes")).toEqual([{ count: MOST_NOTES_OF_HOST }]);
    expect(await noteEvents()).toHaveLength(MOST_NOTES_OF_HOST);
    expect(await alarms()).toHaveLength(20);
    await reports(note({ code: "xid-1000", count: 10 }));
    expect(await noteEvents()).toHaveLength(MOST_NOTES_OF_HOST + 1);
  });
});
