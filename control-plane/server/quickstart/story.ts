/**
 * The story itself, over HTTP as any client would: a host joins, a customer tops up, orders an environment with a
 * GPU, uses it, and is billed for exactly that.
 */
import {
  addExampleSpecs,
  createCustomer,
  createCustomerApiKey,
  createCustomerTopUp,
  createEnvironment,
  createImage,
  createPrice,
  createSessionTicket,
  execInEnvironment,
  getBillingBalance,
  getEnvironment,
  getMe,
  listBillingRecords,
  listEnvironments,
  listImages,
  setCustomerQuota,
  startEnvironment,
  stopEnvironment,
} from "../../client/generated/api.ts";
import type { Balance, Environment, InstanceRun } from "../../client/generated/api.schemas.ts";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { z } from "zod";
import { divideHalfUp, formatPoints, parsePoints, parsePrice } from "@remotegpu/shared/values/money";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { ApiClient } from "../../cli/framework/api-client.ts";
import { CliError } from "../../cli/framework/cli-error.ts";
import { saveProfile, START_PROFILE } from "../../cli/framework/profile.ts";
import type { Stage } from "./stage.ts";
import { StartError } from "./start-error.ts";
import { ensureStarterImage, STARTER_IMAGE } from "./starter-image.ts";

const SIMULATED_GPUS = 2;
const TOP_UP = "100.0000";
const PRICES = { cpu: "0.05", memory: "0.01", gpu: "3.5", temp_storage: "0.0001" };
/** Of a GB and day, beyond what is free. */
const STORAGE_PRICE = "0.003333";
const QUOTA = {
  quota_level: "custom",
  cpu_quota: 16,
  memory_quota: 65_536,
  gpu_quota: 8,
  storage_quota: 200 * 2 ** 30,
  environment_quota: 10,
};
const ORDER = { name: "first", image: STARTER_IMAGE, cpu: 1, memory: 2 ** 29, gpu: 1 };
const RUNNING_WITHIN_MS = 120_000;
const BILL_WITHIN_MS = 120_000;
const STOPPED_WITHIN_MS = 60_000;
/** The longest that a ticket may wait. */
const LINK_SECONDS = 3_600;
const BILL_REPORT_MS = 60_000;
const PRICE_PER_POINT = 100n;
const MINUTES_PER_HOUR = 60n;

const Stored = z.object({
  adminKey: z.string(),
  customerId: z.number(),
  customerKey: z.string(),
  environmentId: z.string().nullable(),
});
type Stored = z.infer<typeof Stored>;

type Scene = { admin: ApiClient; customer: ApiClient; stored: Stored };

export async function playStart(stage: Stage): Promise<void> {
  stage.print(`RemoteGPU starts on this host; what it keeps is in ${stage.options.root}.`);
  const scene = await setUp(stage);
  const environment = await runEnvironment(stage, scene);
  const balance = await firstBill(stage, scene);
  await explainNext(stage, { scene, environment, balance });
  let reportedMs = performance.now();
  while (!stage.isInterrupted) {
    stage.keepUp();
    await stage.pause(1_000);
    if (performance.now() - reportedMs < BILL_REPORT_MS || stage.isInterrupted) continue;
    reportedMs = performance.now();
    const now = await balanceIfServed(scene.customer);
    if (now === null) continue;
    stage.print(`The bill so far: ${now.accrued} accrued since the last charge, balance ${now.balance}.`);
  }
}

/** Null while the control plane is being started again. */
async function balanceIfServed(customer: ApiClient): Promise<Balance | null> {
  try {
    return await customer.send(getBillingBalance());
  } catch (error) {
    if (error instanceof CliError && error.kind === "unavailable") return null;
    throw error;
  }
}

export async function playDemo(stage: Stage): Promise<void> {
  stage.print("The demo: from an empty folder to a checked bill, unattended.");
  const scene = await setUp(stage);
  const environment = await runEnvironment(stage, scene);

  const gpu = environment.instances[0]?.gpus[0]?.uuid ?? "none";
  const argv = ["nvidia-smi", "-L"];
  stage.print(`7. Inside it: ${argv.join(" ")}`);
  const seen = await scene.customer.send(execInEnvironment(environment.id, { argv }));
  stage.print(indented(seen.stdout));
  if (seen.exit_code !== 0 || !seen.stdout.includes(gpu))
    throw new StartError(`The environment does not see its GPU ${gpu}: ${seen.stderr}`);

  stage.print("8. It is stopped, and billed for what ran.");
  await scene.customer.send(stopEnvironment(environment.id));
  const run = await stage.until(STOPPED_WITHIN_MS, "the bill of the stopped environment", async () => {
    const visible = await scene.customer.send(getEnvironment(environment.id));
    const ended = visible.instances[0]?.runs[0];
    return visible.status === "stopped" && ended !== undefined && ended.closed_at !== null && ended;
  });
  await checkBill(stage, scene, run);
}

async function setUp(stage: Stage): Promise<Scene> {
  const storedFile = join(stage.options.root, "kept.json");
  const before = existsSync(storedFile) ? Stored.parse(JSON.parse(readFileSync(storedFile, "utf8"))) : null;

  stage.print("1. Database, message server and API start.");
  await stage.startControlPlane();
  const adminKey =
    before !== null && (await opens(stage.api(before.adminKey))) ? before.adminKey : await stage.adminKey();
  const admin = stage.api(adminKey);

  stage.print(`2. This host joins the fleet${before === null ? "" : " again"}.`);
  const simulated = stage.options.simulatedGpus ?? ((await hasRealGpus()) ? 0 : SIMULATED_GPUS);
  if (simulated > 0)
    stage.print(
      "   It has no GPU that is used, so it carries SIMULATED ones: they behave, but compute nothing.",
    );
  for (const gpu of await stage.startAgent(admin, simulated))
    stage.print(`   ${gpu.uuid}  ${gpu.name}${gpu.simulated ? "  (simulated)" : ""}`);

  stage.print("3. An image to run, without any registry.");
  if (await ensureStarterImage()) stage.imageWasMade();
  await offerStarterImage(admin);

  const stored =
    before === null
      ? await newCustomer(stage, admin, adminKey)
      : { ...before, adminKey, customerKey: await customerKeyOf(stage, admin, before) };
  if (before !== null) stage.print("4. and 5. Prices and customer are those of the last time.");
  writeFileSync(storedFile, JSON.stringify(stored), { mode: 0o600 });
  chmodSync(storedFile, 0o600);
  return { admin, customer: stage.api(stored.customerKey), stored };
}

/** No registry has it: it is used because the fleet's owner offers it. */
async function offerStarterImage(admin: ApiClient): Promise<void> {
  const offered = await admin.list(listImages());
  if (offered.some(({ name }) => name === STARTER_IMAGE)) return;
  await admin.send(createImage({ name: STARTER_IMAGE, display_name: "A busybox to begin with" }));
}

async function newCustomer(stage: Stage, admin: ApiClient, adminKey: string): Promise<Stored> {
  stage.print(
    `4. Prices: ${Object.entries(PRICES)
      .map(([line, price]) => `${line} ${price}`)
      .join(
        ", ",
      )} an hour; storage ${STORAGE_PRICE} a GB and day; and the specs basic, standard and premium.`,
  );
  for (const [line, price] of Object.entries(PRICES))
    await admin.send(createPrice({ spec: "default", line, unit_price: price, billing_unit: "hour" }));
  const storage = {
    spec: "storage",
    line: "storage",
    unit_price: STORAGE_PRICE,
    billing_unit: "day",
  } as const;
  await admin.send(createPrice(storage));
  await admin.send(addExampleSpecs());
  const customer = { username: "you", email: "you@localhost.invalid" };
  const { id: customerId } = await admin.send(createCustomer(customer));
  await admin.send(setCustomerQuota(customerId, QUOTA));
  await admin.send(createCustomerTopUp(customerId, { amount: TOP_UP }));
  const customerKey = await newKey(admin, customerId);
  stage.print(`5. A customer "you" with ${TOP_UP} points.`);
  return { adminKey, customerId, customerKey, environmentId: null };
}

/** The database is this stage's own, so a key that was revoked meanwhile is no reason to stay outside. */
async function customerKeyOf(stage: Stage, admin: ApiClient, before: Stored): Promise<string> {
  if (await opens(stage.api(before.customerKey))) return before.customerKey;
  return await newKey(admin, before.customerId);
}

async function newKey(admin: ApiClient, customerId: number): Promise<string> {
  return (await admin.send(createCustomerApiKey(customerId, { name: "npm start" }))).key;
}

async function opens(api: ApiClient): Promise<boolean> {
  try {
    await api.send(getMe());
    return true;
  } catch (error) {
    if (error instanceof CliError && error.isUnauthenticated) return false;
    throw error;
  }
}

async function runEnvironment(stage: Stage, { customer, stored }: Scene): Promise<Environment> {
  const orderedMs = performance.now();
  const id = await orderEnvironment(customer, stored.environmentId);
  stage.environmentRuns(customer, id);
  writeFileSync(join(stage.options.root, "kept.json"), JSON.stringify({ ...stored, environmentId: id }), {
    mode: 0o600,
  });
  let reason = "";
  const request = async () => {
    const row = await customer.send(getEnvironment(id));
    reason = row.status_reason ?? "";
    // Of the last time, whose stop ended only now.
    if (row.status === "stopped") await customer.send(startEnvironment(id));
    if (row.status === "error") throw new StartError(`The environment does not run: ${reason}`);
    // One whose container is being started again inside its run is running still, and says so.
    return row.status === "running" && reason === "" && row;
  };
  const running = await stage.until(RUNNING_WITHIN_MS, "the environment to run", request, () => reason);
  const seconds = ((performance.now() - orderedMs) / 1000).toFixed(1);
  stage.print(`6. The environment "${ORDER.name}" with one GPU runs, ${seconds} s after the order.`);
  return running;
}

/** The one of the last time is started again; without one, or if it was deleted, a new one is ordered. */
async function orderEnvironment(customer: ApiClient, known: string | null): Promise<string> {
  const found =
    known === null ? [] : (await customer.list(listEnvironments())).filter(({ id }) => id === known);
  if (known === null || found.length === 0) return (await customer.send(createEnvironment(ORDER))).id;
  const status = found[0]?.status;
  if (status === "error") await customer.send(startEnvironment(known));
  return known;
}

async function firstBill(stage: Stage, { customer }: Scene): Promise<Balance> {
  return stage.until(BILL_WITHIN_MS, "the first minute on the bill", async () => {
    const balance = await customer.send(getBillingBalance());
    return parsePoints(balance.accrued) > 0n && balance;
  });
}

async function explainNext(
  stage: Stage,
  { scene, environment, balance }: { scene: Scene; environment: { id: string }; balance: Balance },
): Promise<void> {
  const { root } = stage.options;
  const profile = join(root, "profile.json");
  saveProfile(profile, { server: stage.url, key: scene.stored.customerKey });
  saveProfile(join(root, "admin-profile.json"), { server: stage.url, key: scene.stored.adminKey });
  const command = `npx --no-install remotegpu${profile === START_PROFILE ? "" : ` --profile ${profile}`}`;
  stage.print(
    [
      "",
      `The dashboard:       ${await dashboardLink(scene.customer)}        (as "you"; it logs in once, within an hour)`,
      `As its owner:        ${await dashboardLink(scene.admin)}`,
      `It runs. Enter it:   ${command} env exec ${environment.id} nvidia-smi`,
      `In a browser:        ${command} open ${environment.id} terminal        (or jupyter, tensorboard, a port)`,
      `The bill grows:      ${command} balance        (${balance.accrued} accrued, ${balance.burn_per_hour} an hour)`,
      `As the owner:        npx --no-install remotegpu --profile ${join(root, "admin-profile.json")} host list`,
      `The pages:           ${stage.url}/docs        (the API: ${stage.url}/docs/reference, its routes below ${stage.url}/api/v1)`,
      "",
      "Ctrl-C ends it; npm start again is fast; npm start -- --clean removes all it kept.",
    ].join("\n"),
  );
}

/** It waits for whoever looks at the terminal later; `remotegpu dashboard` prints another one. */
async function dashboardLink(api: ApiClient): Promise<string> {
  return (await api.send(createSessionTicket({ valid_seconds: LINK_SECONDS }))).url;
}

/** The records must add up to what left the balance, and to the run's started minutes at the prices set. */
async function checkBill(
  stage: Stage,
  { customer }: Scene,
  run: Pick<InstanceRun, "proven_ms" | "billed_minutes">,
) {
  const records = await customer.list(listBillingRecords());
  const balance = await customer.send(getBillingBalance());
  for (const { line, quantity, billing_minutes: minutes, unit_price: price, amount } of records)
    stage.print(
      `   ${(line ?? "").padEnd(8)} ${quantity.padEnd(5)} × ${minutes} min × ${price} an hour = ${amount}`,
    );
  stage.print(
    `   ran ${(run.proven_ms / 1000).toFixed(1)} s, billed ${run.billed_minutes} started minutes, balance ${balance.balance}`,
  );

  const total = records.reduce((sum, record) => sum + parsePoints(record.amount), 0n);
  const spent = parsePoints(TOP_UP) - parsePoints(balance.balance);
  const gpu = records.find(({ line }) => line?.startsWith("gpu") === true);
  const due = divideHalfUp(
    parsePrice(PRICES.gpu) * BigInt(run.billed_minutes),
    MINUTES_PER_HOUR * PRICE_PER_POINT,
  );
  const claims: [boolean, string][] = [
    [run.proven_ms > 0, "the run has proven time"],
    [run.billed_minutes === Math.ceil(run.proven_ms / MS_PER_MINUTE), "every started minute is billed once"],
    [gpu !== undefined && parsePoints(gpu.amount) === due, `the GPU costs ${formatPoints(due)}`],
    [total > 0n && total === spent, `the records add up to the ${formatPoints(spent)} that left the balance`],
  ];
  for (const [holds, claim] of claims) {
    if (!holds) throw new StartError(`The bill is wrong: it does not hold that ${claim}.`);
    stage.print(`   checked: ${claim}`);
  }
}

async function hasRealGpus(): Promise<boolean> {
  const listed = await execa("nvidia-smi", ["-L"], { reject: false, timeout: 10_000 });
  return listed.exitCode === 0 && listed.stdout.includes("GPU ");
}

function indented(text: string): string {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => `   ${line}`)
    .join("\n");
}
