/**
 * One pass over cards on which somebody is whom nobody placed there: an alarm for each, open until its host tells of
 * nobody there any more. That nothing is placed on such a card is decided from the same
 * words by placement itself (store/fleet/fleet-snapshot.ts).
 */
import { keepAlarms } from "../../store/events/alarms.ts";
import type { Database } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { type StrangeCard, strangeCards } from "../../store/hosts/gpus/gpu-strangers.ts";
import { assertTerm } from "../../store/database/leader.ts";
import type { Reason } from "../../core/reasons/reason.ts";

const KIND = "gpu-stranger";
/** A host that makes them up fills no more than its share of the list. */
const MAX_LISTED_OF_HOST = 20;
const MAX_LISTED = 500;

function strangerReason({ uuid, host_id: hostId, stranger, is_held: isHeld }: StrangeCard): Reason {
  const { pid, name } = stranger;
  const process: Reason =
    name === null
      ? { code: "process-without-name", params: { pid } }
      : { code: "process-with-name", params: { pid, process_name: name } };
  return {
    code: isHeld ? "gpu-shared-with-stranger" : "gpu-used-by-stranger",
    params: { gpu_uuid: uuid, host_id: hostId, process },
  };
}

export async function gpuStrangersPass(
  { db }: { db: Database },
  { term, now }: { term: number; now: Date },
): Promise<void> {
  await transaction(db, async (sql) => {
    await assertTerm(sql, term);
    const cards = await strangeCards(sql, { mostOfHost: MAX_LISTED_OF_HOST, limit: MAX_LISTED });
    const alarms = new Map(cards.map((card) => [card.uuid, strangerReason(card)]));
    await keepAlarms(sql, { kind: KIND, prefix: "", alarms, most: MAX_LISTED, now });
  });
}
