/**
 * A leased port against a port that Docker publishes through its own proxy, both leading to the same service in the
 * same container: how many bytes come through in a second, and how long a client waits for the first one.
 */
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { MIB } from "@remotegpu/shared/units";
import { AccessUnderTest, ContainerUnderTest } from "../support/agent/access.ts";
import { wantedLease } from "../support/samples/lease-samples.ts";
import { headLine, ratioLine, valuesLine, type Pair } from "./comparison.ts";

const ROUNDS = 7;
const TRANSFER_BYTES = 512 * MIB;
const CONNECTS_PER_ROUND = 40;
const READ_BYTES = MIB;
const SETTLE_MS = 200;
const LOOPBACK = "127.0.0.1";
const PORT = 7000;

type Ways = { leased: number; published: number; direct: { host: string; port: number } };

export async function measureRelay(say: (line: string) => void, ending: AsyncDisposableStack): Promise<void> {
  const access = ending.adopt(await AccessUnderTest.begin(), (begun) => begun.end());
  const container = ending.adopt(await ContainerUnderTest.begin("env-1", { published: [PORT] }), (begun) =>
    begun.end(),
  );
  await container.serve(PORT, "0.0.0.0");
  await access.say({ leases: [wantedLease("a", { internalPort: PORT })], instances: [container.instance] });
  const ways: Ways = {
    leased: await access.portOf("a"),
    published: container.publishedAt(PORT),
    direct: { host: container.address, port: PORT },
  };

  const rates = await inRounds(ways, rateOf);
  say(headLine(`Bytes from a container to one client (${ROUNDS} rounds)`));
  say(ratioLine("leased port to Docker's proxy, MiB/s", pairsOf(rates)));
  for (const way of WAYS)
    say(
      valuesLine(
        `${WORDS[way]}, MiB/s`,
        rates.map((round) => round[way]),
        "MiB",
      ),
    );
  say("");
  const waits = await inRounds(ways, waitOf);
  say(headLine(`From connecting to the service's first byte (${ROUNDS} rounds of ${CONNECTS_PER_ROUND})`));
  say(ratioLine("leased port to Docker's proxy", pairsOf(waits)));
  for (const way of WAYS)
    say(
      valuesLine(
        WORDS[way],
        waits.map((round) => round[way]),
        "µs",
      ),
    );
}

const WAYS = ["leased", "published", "direct"] as const;
const WORDS = {
  leased: "through a leased port",
  published: "through Docker's proxy",
  direct: "without anything between",
};
type Round = Record<(typeof WAYS)[number], number>;

/** One after another within a round, so that all three see the same moments of the machine. */
async function inRounds(
  ways: Ways,
  measure: (host: string, port: number) => Promise<number>,
): Promise<Round[]> {
  const rounds: Round[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    rounds.push({
      leased: await measure(LOOPBACK, ways.leased),
      published: await measure(LOOPBACK, ways.published),
      direct: await measure(ways.direct.host, ways.direct.port),
    });
    await delay(SETTLE_MS);
  }
  return rounds;
}

function pairsOf(rounds: readonly Round[]): Pair[] {
  return rounds.map(({ leased, published }) => ({ ours: leased, bare: published }));
}

/** MiB in a second. */
async function rateOf(host: string, port: number): Promise<number> {
  let bytes = 0;
  const beganMs = performance.now();
  const socket = connect({
    host,
    port,
    onread: {
      buffer: Buffer.alloc(READ_BYTES),
      callback: (count) => {
        bytes += count;
        return true;
      },
    },
  });
  socket.end(`zeros ${TRANSFER_BYTES}\n`);
  await once(socket, "close");
  const seconds = (performance.now() - beganMs) / 1_000;
  if (bytes < TRANSFER_BYTES) throw new Error(`${bytes} bytes came instead of ${TRANSFER_BYTES}`);
  return bytes / MIB / seconds;
}

/** Median of some, in microseconds. */
async function waitOf(host: string, port: number): Promise<number> {
  const waits: number[] = [];
  for (let count = 0; count < CONNECTS_PER_ROUND; count += 1) {
    const beganMs = performance.now();
    const socket = connect({ host, port });
    await once(socket, "data");
    waits.push((performance.now() - beganMs) * 1_000);
    socket.destroy();
  }
  return waits.toSorted((a, b) => a - b)[CONNECTS_PER_ROUND / 2] ?? 0;
}
