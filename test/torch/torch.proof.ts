/**
 * An all-reduce over two hosts by torchrun as Debian packages it, without an option: what it needs it finds in the
 * environment of its rank, by either rendezvous. Each host is a network of its own with its own container runtime, and
 * nobody answers names there.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { GIB } from "@remotegpu/shared/values/units";
import { importTorchImage, TORCH_IMAGE } from "../support/containers/images/torch-image.ts";
import { eventually } from "../support/eventually.ts";
import { House } from "../support/worlds/house.ts";
import { LinkedHosts } from "../support/worlds/fleet/linked-hosts.ts";

const HOSTS = 2;
const ENDS_WITHIN_MS = 240_000;

const TRAIN = `
import time
begun = time.monotonic()
import torch, torch.distributed as dist
ready = time.monotonic()
dist.init_process_group("gloo")
met = time.monotonic()
part = torch.tensor([float(dist.get_rank() + 1)])
dist.all_reduce(part)
print(f"rank {dist.get_rank()} of {dist.get_world_size()} has {part.item():.0f};",
      f"import {ready - begun:.2f} s, init {met - ready:.2f} s", flush=True)
dist.destroy_process_group()
`;
const COMMAND = `cat >/tmp/train.py <<'END'\n${TRAIN}END\nexec torchrun /tmp/train.py\n`;

const Instances = z.array(
  z.looseObject({
    rank: z.int(),
    runs: z.array(z.looseObject({ end: z.looseObject({ tail: z.string().nullable() }).nullable() })),
  }),
);

const ending = new AsyncDisposableStack();
let house: House;

beforeAll(async () => {
  await importTorchImage();
  const linked = ending.adopt(await LinkedHosts.begin({ count: HOSTS }), (one) => one.end());
  for (const { runtime } of linked.hosts) await runtime.bring(TORCH_IMAGE);
  house = ending.adopt(await House.open({ hosts: 0, address: linked.outside }), (one) => one.close());
  for (const { runtime } of linked.hosts)
    await house.addHost({ REMOTEGPU_RUNTIME_SOCKET: runtime.socketPath }, { network: runtime.namespace });
  await house.admin.post("/images", { name: TORCH_IMAGE });
});
afterAll(() => ending.disposeAsync());

test.each(["static", "c10d"] as const)("unmodified torchrun reduces over two hosts by %s", async (rdzv) => {
  // Each host has one card, so that each has a rank.
  const ordered = await house.customer.post("/training-jobs", {
    name: `torch-${rdzv}`,
    image: TORCH_IMAGE,
    command: COMMAND,
    cpu: 1,
    memory: 2 * GIB,
    gpu: 1,
    node_count: HOSTS,
    distributed_config: { framework: "pytorch", backend: "gloo", rdzv },
  });
  const id = String(ordered["id"]);

  const job = await eventually(
    async () => {
      const row = await house.customer.get(`/training-jobs/${id}`);
      return row.completed_at !== null && row;
    },
    { withinMs: ENDS_WITHIN_MS, what: "its end" },
  );

  const instances = Instances.parse(await house.customer.rows(`/training-jobs/${id}/instances`));
  const output = instances
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ runs }) => runs.at(-1)?.end?.tail ?? "");
  console.log(output.join(""));
  expect([job.status, output]).toEqual([
    "completed",
    [expect.stringContaining("rank 0 of 2 has 3;"), expect.stringContaining("rank 1 of 2 has 3;")],
  ]);
});
