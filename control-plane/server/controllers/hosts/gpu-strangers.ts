/**
 * One pass over cards on which somebody is whom nobody placed there: an alarm for each, open until its host tells of
 * nobody there any more. That nothing is placed on such a card is decided from the same
 * words by placement itself (store/fleet/fleet-snapshot.ts).
 */
import { keepAlarms } from "../../store/events/alarms.ts";
import { type Database, transaction } from "../../store/database/database.ts";
import { strangeCards, usedByStranger } from "../../store/hosts/gpu-strangers.ts";
import { assertTerm } from "../../store/database/leader.ts";

const KIND = "gpu-stranger";
/** A host that makes them up fills no more than its share of the list. */
const MAX_LISTED_OF_HOST = 20;
const MAX_LISTED = 500;

export async function gpuStrangersPass(
  { db }: { db: Database },
  { term, now }: { term: number; now: Date },
): Promise<void> {
  await transaction(db, async (sql) => {
    await assertTerm(sql, term);
    const cards = await strangeCards(sql, { mostOfHost: MAX_LISTED_OF_HOST, limit: MAX_LISTED });
    const alarms = new Map(
      cards.map(({ uuid, host_id: hostId, stranger, is_held: isHeld }) => [
        uuid,
        `GPU ${uuid} of host ${hostId} ${usedByStranger(stranger)}: ${isHeld ? "it runs beside what was placed there" : "nothing is placed on it until that has ended"}.`,
      ]),
    );
    await keepAlarms(sql, { kind: KIND, prefix: "", alarms, most: MAX_LISTED, now });
  });
}
