/**
 * The agents' journals of a vector. A vector names a message by any number; a journal counts from 1 without gaps, in the
 * order of those numbers. Of messages with one number the first to arrive is the journal's row; another is sent in its
 * place, as a host would that has changed its journal.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import { type JournalBatch, UsageEntry } from "@remotegpu/shared/proof/journal-row";
import { rowHash } from "@remotegpu/shared/proof/row-hash";
import type { BillingVector } from "../support/billing/billing-vector.ts";
import { ChainedJournal } from "../support/samples/chained-journal.ts";
import { uuidOf } from "../support/billing/named-uuid.ts";
import type { Names } from "./names.ts";

type Usage = BillingVector["usage"][number];
interface Boot {
  readonly node: string;
  readonly boot: string;
}

export function bootIdOf(boot: Boot): string {
  return uuidOf(`boot ${JSON.stringify([boot.node, boot.boot])}`);
}

interface StoredJournal {
  readonly boot: Boot;
  readonly chain: ChainedJournal;
  /** The vector's numbers, in order. */
  readonly seqs: readonly number[];
}

export class Journals {
  readonly #runs: Names;
  readonly #hosts: Names;
  readonly #stored = new Map<string, StoredJournal>();

  constructor(usage: readonly Usage[], { runs, hosts }: { runs: Names; hosts: Names }) {
    this.#runs = runs;
    this.#hosts = hosts;
    for (const [id, messages] of Map.groupBy(usage, journalIdOf)) {
      const inOrder = messages.toSorted(
        (a, b) => a.seq - b.seq || Date.parse(a.arrives_at) - Date.parse(b.arrives_at),
      );
      const chain = new ChainedJournal(id);
      const rows = inOrder.filter(({ seq }, index) => seq !== inOrder[index - 1]?.seq);
      for (const message of rows) chain.append(this.#entryOf(message));
      this.#stored.set(id, { boot: messages[0]!, chain, seqs: rows.map(({ seq }) => seq) });
    }
  }

  /** The message as its host sends it. */
  batchOf(message: Usage): { hostId: HostId; batch: JournalBatch } {
    const { chain, seqs } = this.#journal(journalIdOf(message));
    const seq = seqs.indexOf(message.seq) + 1;
    const batch = chain.batch(seq, seq);
    const entry = this.#entryOf(message);
    const row = { seq, entry, hash: rowHash(chain.id, seq, batch.previousHash, entry) };
    return { hostId: this.#hosts.idOf(message.node) as HostId, batch: { ...batch, rows: [row] } };
  }

  /** As the vectors name a message that is rejected. */
  keyOf(journalId: string, seq: number): string {
    const { boot, seqs } = this.#journal(journalId);
    return `${boot.node}/${boot.boot}/${seqs[seq - 1]}`;
  }

  #journal(id: string): StoredJournal {
    const stored = this.#stored.get(id);
    if (stored === undefined) throw new Error(`${id} is no journal of the vector's`);
    return stored;
  }

  #entryOf(message: Usage): UsageEntry {
    const runId = this.#runs.idOf(message.run);
    return UsageEntry.parse({
      kind: "usage",
      runId,
      instanceId: `i-${runId}`,
      placementEpoch: 1,
      bootId: bootIdOf(message),
      startMs: message.from_ms,
      endMs: message.to_ms,
      proof: message.proven ? "exact" : "unproven",
      final: message.final,
      wallEnd: message.node_wall_start ?? "",
    });
  }
}

function journalIdOf({ node, boot }: Boot): string {
  return uuidOf(`journal ${JSON.stringify([node, boot])}`);
}
