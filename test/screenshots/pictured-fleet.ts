/**
 * What the pictures show: six hosts with eight cards each, three customers with work on them, a line that waits, a bill
 * with its proof. All names and figures are written here, and it happens at the same moments whenever it is played.
 */
import { setSetting } from "@remotegpu/control-plane/server/store/accounts/settings";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { releaseLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { raiseAlarm } from "@remotegpu/control-plane/server/store/events/alarms";
import { GIB, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { BilledRuns } from "../support/billing/billed-runs.ts";
import { uuidOf } from "../support/billing/named-uuid.ts";
import type { Caller } from "../support/http/api.ts";
import { type ControlScene, openControlScene } from "../support/worlds/control-scene.ts";
import { ScriptedGateway } from "../support/worlds/services/scripted-gateway.ts";
import { writtenLog } from "../support/worlds/written-log.ts";
import { heldCards, HISTORY_HOURS, keepHistory, keepRequests, proveTime } from "./pictured-figures.ts";
import { PicturedHosts } from "./pictured-hosts.ts";

/** Now, in all pictures: after what `BilledRuns` plays. */
export const PICTURED_AT = new Date("2026-03-31T20:24:00Z");
const TORCH = "pytorch/pytorch:2.5.1";
const LOG = [
  "rank 0 of 16 on gpu-05, NCCL 2.21.5, bf16",
  "step 1180  loss 1.2417  lr 1.9e-05  38412 tokens/s",
  "step 1190  loss 1.2359  lr 1.9e-05  38377 tokens/s",
  "step 1200  loss 1.2301  lr 1.9e-05  38420 tokens/s",
  "saved checkpoint-1200 to /gemini/output",
  "",
].join("\n");

export interface PicturedFleet {
  control: ControlScene;
  ada: Caller;
  environment: string;
  job: string;
  service: string;
  recordId: number;
}

/** @param ending what closes it */
export async function playFleet(ending: AsyncDisposableStack): Promise<PicturedFleet> {
  const control = ending.adopt(await openControlScene(), (one) => one.close());
  const { api } = control;
  standStill(control);
  setClock(control, HISTORY_HOURS * 60);
  const { payer, recordId } = await playBill(control);
  await setSetting(api.db, "DEFAULT_QUOTA_LEVEL", "enterprise");
  await api.db.query(
    "UPDATE prices SET unit_price = CASE line WHEN 'gpu' THEN 12.5 WHEN 'cpu' THEN 0.04 ELSE 0 END WHERE spec = 'default'",
  );
  const ada = await api.key({ customerId: payer, key: "" }, { name: "laptop" });
  await api.request("POST", `/api/v1/customers/${payer}/top-ups`, {
    as: api.admin,
    body: { amount: "4800" },
  });
  const hosts = await PicturedHosts.join(control);
  const work = await playWork(control, hosts, ada);

  await keepHistory(control, { hosts: hosts.hosts, until: PICTURED_AT });
  await keepRequests(control, { serviceId: work.service, until: PICTURED_AT });
  await raiseAlarms(control, hosts);
  await proveTime(control, PICTURED_AT);
  const held = await heldCards(control);
  setClock(control, 0);
  await hosts.report(held);
  const { instances } = (await api.request("GET", `/api/v1/inference-services/${work.service}`, { as: ada }))
    .body;
  const listed = Object.fromEntries(
    instances.map(({ id }: { id: string }, nth: number) => [id, nth === 0 ? 4 : 2]),
  );
  const gateway = new ScriptedGateway("gw-1", { db: api.db, now: api.deps.now });
  await gateway.report(work.service, { inFlight: 6, listed });
  await api.request("PUT", "/api/v1/billing/budget", { as: ada, body: { monthly_limit: "6000" } });
  await takeDaysOut(control);
  return { control, ada, recordId, ...work };
}

/** Whatever is made has the same id each time, and no time passes by itself. */
function standStill({ api }: ControlScene): void {
  api.stopClock();
  let made = 0;
  api.deps.newId = (prefix) => `${prefix}-${uuidOf(`${prefix} ${(made += 1)}`)}`;
  api.deps.link.openLogs = () => Promise.resolve(writtenLog(LOG));
}

function setClock({ api }: ControlScene, minutesBefore: number): void {
  api.passMinutes((PICTURED_AT.getTime() - api.deps.now().getTime()) / MS_PER_MINUTE - minutesBefore);
}

/** A customer who was charged for a run of some hours, and the last of its records. */
async function playBill(control: ControlScene): Promise<{ payer: number; recordId: number }> {
  const { db } = control.api;
  const runs = new BilledRuns(db);
  const one = await runs.open("ada");
  one.write({ from: 0, to: 58 });
  one.write({ from: 58, to: 127.5 });
  one.write({ from: 127.5, to: 201.25, final: true });
  one.sendAt(202, 1, 3);
  const { runId, customerId, hostId } = one.scene;
  await db.query("UPDATE runs SET resource_name = 'qwen-finetune' WHERE id = $1", [runId]);
  await runs.play();
  // It leads until a moment that what is played next comes before.
  await releaseLeadership(db, "one");
  await db.query("UPDATE hosts SET deleted_at = $2 WHERE id = $1", [hostId, PICTURED_AT]);
  const { rows } = await db.query<{ id: number }>(
    "SELECT max(id) AS id FROM billing_records WHERE run_id = $1",
    [runId],
  );
  return { payer: customerId, recordId: rows[0]?.id ?? 0 };
}

/** What runs, what has ended and what waits, each ordered some minutes before now. */
async function playWork(control: ControlScene, hosts: PicturedHosts, ada: Caller) {
  const grace = await control.customer("grace", "9000");
  const lin = await control.customer("lin", "2500");
  const order = async (as: Caller, path: string, body: object): Promise<string> => {
    const answer = await control.api.request("POST", `/api/v1/${path}`, {
      as,
      body: { image: TORCH, ...body },
    });
    if (answer.status !== 201) throw new Error(`this was refused: ${JSON.stringify(answer.body)}`);
    return answer.body.id;
  };
  const large = { cpu: 64, memory: 512 * GIB, gpu: 8 };
  const middle = { cpu: 32, memory: 256 * GIB, gpu: 4 };
  const small = { cpu: 8, memory: 64 * GIB, gpu: 1 };

  setClock(control, 7 * 60 + 12);
  for (const name of ["protein-folding", "diffusion-dev", "ocr-labelling"])
    await order(grace, "environments", { name, ...middle });
  await hosts.goOn();
  setClock(control, 5 * 60 + 41);
  const environment = await order(ada, "environments", { name: "llama-notebook", ...small, gpu: 2 });
  const ended = await order(ada, "environments", { name: "tokenizer-prep", ...small });
  const served = { image: "vllm/vllm-openai:v0.6.3", version: "v3", health_check_path: "/health" };
  const replicas = { ...small, min_replicas: 2, max_replicas: 4 };
  const service = await order(ada, "inference-services", { name: "support-chat", ...served, ...replicas });
  await hosts.goOn();
  setClock(control, 3 * 60 + 5);
  await control.api.request("POST", `/api/v1/environments/${ended}/stop`, { as: ada });
  const sft = { name: "llama-3-8b-sft", command: "torchrun train.py --config sft.yaml", node_count: 2 };
  const job = await order(ada, "training-jobs", { ...sft, ...large });
  await hosts.goOn();
  for (const name of ["whisper-eval", "clip-finetune"])
    await order(lin, "environments", { name, ...middle, gpu: 3 });
  await hosts.goOn();

  setClock(control, 52);
  const pretrain = { name: "vision-pretrain", command: "torchrun pretrain.py", node_count: 3, priority: 5 };
  await order(grace, "training-jobs", { ...pretrain, ...large });
  setClock(control, 23);
  const reward = { name: "reward-model", command: "torchrun reward.py", node_count: 2 };
  await order(ada, "training-jobs", { ...reward, ...large });
  setClock(control, 9);
  await order(lin, "environments", { name: "audio-lab", ...middle, gpu: 8 });
  await order(ada, "environments", { name: "eval-harness", ...middle, gpu: 8 });
  await hosts.goOn();
  return { environment, job, service };
}

/** What an owner should look at: a card that failed, and others. One more card is out of service on purpose. */
async function raiseAlarms(control: ControlScene, hosts: PicturedHosts): Promise<void> {
  const { api } = control;
  const free = await hosts.freeCards();
  const at = (minutesBefore: number) => new Date(PICTURED_AT.getTime() - minutesBefore * MS_PER_MINUTE);
  await transaction(api.db, async (sql) => {
    await raiseAlarm(sql, {
      kind: "join-token-reused",
      subject: "token 4",
      reason: {
        code: "join-token-used-twice",
        params: { nkey: "UBK7…Q2", host_id: "gpu-05", other_nkey: "UAX3…9D" },
      },
      now: at(26 * 60),
    });
    await raiseAlarm(sql, {
      kind: "host-floods",
      subject: "gpu-03",
      reason: { code: "host-requests-too-many", params: { host_id: "gpu-03" } },
      now: at(190),
    });
  });
  const reason = "its fan is replaced on Thursday";
  await api.request("POST", `/api/v1/gpus/${free.at(-3)}/cordon`, { as: api.admin, body: { reason } });
  setClock(control, 4);
  hosts.fail(free.at(-1));
  await hosts.report(await heldCards(control));
}

/** What the database writes by its own clock would tell of the day on which this is played. */
async function takeDaysOut({ api }: ControlScene): Promise<void> {
  await transaction(api.db, async (tx) => {
    // No trigger writes it anew.
    await tx.query("SET LOCAL session_replication_role = replica");
    await tx.query("UPDATE environments SET updated_at = $1 WHERE updated_at > $2", [
      new Date(PICTURED_AT.getTime() - 9 * MS_PER_MINUTE),
      PICTURED_AT,
    ]);
  });
}
