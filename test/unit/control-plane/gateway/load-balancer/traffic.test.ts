import type { IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import { Traffic } from "@remotegpu/control-plane/gateway/load-balancer/traffic";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { StoreError } from "@remotegpu/control-plane/server/store/database/store-error";
import { quietLog } from "../../../../support/quiet-log.ts";

const MAX_UNSENT = 20_000;
const NOW = new Date("2026-03-04T05:06:07Z");
const REQUEST = { method: "GET", url: "/", socket: { bytesWritten: 0 } } as IncomingMessage;

test("what cannot be written waits in the order of its counting, and beyond a bound the oldest is given up", async () => {
  let answer = Promise.withResolvers<{ rows: []; rowCount: number }>();
  let written: string[] = [];
  const change = async (_text: string, [rows]: readonly unknown[]) => {
    written.push(...(JSON.parse(String(rows)) as { service_id: string }[]).map((row) => row.service_id));
    return await answer.promise;
  };
  const db = { change } as unknown as Database;
  const traffic = new Traffic({ gateway: "gw-1", db, now: () => NOW, log: quietLog });
  const count = (serviceId: string) =>
    traffic.begin(REQUEST, { serviceId, keyName: null, beganMs: 0 }).over(true);
  for (let nth = 0; nth <= MAX_UNSENT; nth += 1) count(`svc-${nth}`);

  const inVain = traffic.flush();
  await new Promise((resolve) => setImmediate(resolve));
  count("svc-meanwhile");
  count(`svc-${MAX_UNSENT}`);
  answer.reject(new StoreError("the database is away", null));
  await inVain;
  written = [];
  answer = Promise.withResolvers();
  answer.resolve({ rows: [], rowCount: 0 });
  await traffic.flush();

  expect(written).toHaveLength(MAX_UNSENT);
  expect([written[0], written.at(-2), written.at(-1)]).toEqual([
    "svc-2",
    `svc-${MAX_UNSENT}`,
    "svc-meanwhile",
  ]);
  written = [];
  await traffic.flush();
  expect(written).toEqual([]);
});
