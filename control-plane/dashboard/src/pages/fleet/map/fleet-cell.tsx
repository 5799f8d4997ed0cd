/** One card: everything the map says of it by look is also in its label. Drawn again when its own reading is another. */
import type { TFunction } from "i18next";
import { memo } from "react";
import { useTranslation } from "react-i18next";
import { isolated } from "../../../locales/isolated.ts";
import { bytesText } from "../../../components/text/size-text.ts";
import { holderMark, isOld, isWanted, type MapCard, stepOfUse } from "./map-rows.ts";
import { placeOf } from "./map-stops.ts";

const BYTES_OF_MIB = 2 ** 20;
const HEALTH_MARKS: Readonly<Record<string, string>> = {
  healthy: "",
  unknown: "",
  degraded: "▲",
};

interface CellOf {
  card: MapCard;
  name: string;
  nowMs: number;
  freeGb: number | null;
  /** Whether Tab comes to it. */
  isStop: boolean;
  host: string;
  index: number;
  onOpen: (host: string, index: number) => void;
}

export const FleetCell = memo(function FleetCell(cell: CellOf) {
  const { card, name, nowMs, freeGb, isStop, host, index, onOpen } = cell;
  const { t } = useTranslation("fleet");
  const { t: parts } = useTranslation("parts");
  const old = isOld(card, nowMs);
  const memory = memoryShare(card);
  const letter = card.vanished_at === null ? holderMark(card) : "×";
  const mark = HEALTH_MARKS[card.health_status] ?? "■";
  return (
    <button
      type="button"
      role="gridcell"
      className="fleet-cell"
      tabIndex={isStop ? 0 : -1}
      aria-label={cardLabel({ card, name, old }, t, parts)}
      data-place={placeOf({ host, stop: index })}
      data-card={card.uuid ?? undefined}
      data-step={old ? undefined : (stepOfUse(card) ?? undefined)}
      data-old={old || undefined}
      data-cordoned={card.cordoned || undefined}
      data-simulated={card.simulated || undefined}
      data-unwanted={!isWanted(card, freeGb) || undefined}
      onClick={() => onOpen(host, index)}
    >
      {letter !== "" && <span className="fleet-letter">{letter}</span>}
      {mark !== "" && <span className="fleet-health">{mark}</span>}
      {memory !== null && <span className="fleet-memory" style={{ width: `${memory * 100}%` }} />}
    </button>
  );
});

function memoryShare({ memory_used_mib: used, memory_total: total }: MapCard): number | null {
  return used === null || total === null || total === 0 ? null : Math.min(1, (used * BYTES_OF_MIB) / total);
}

export function memoryText(card: MapCard, t: TFunction<"fleet">): string | null {
  const { memory_used_mib: used, memory_total: total } = card;
  const whole = bytesText(total);
  if (used === null) return whole;
  return t("card.of", { used: bytesText(used * BYTES_OF_MIB) ?? "", total: whole ?? "?" });
}

function cardLabel(
  { card, name, old }: { card: MapCard; name: string; old: boolean },
  t: TFunction<"fleet">,
  parts: TFunction<"parts">,
): string {
  const unknown = parts("notReported");
  const label = t("card.label", {
    name,
    model: card.name ?? unknown,
    use: card.utilization_percent === null ? unknown : `${card.utilization_percent} %`,
    memory: memoryText(card, t) ?? unknown,
    health: card.health_status,
    holders: card.holders.map((holder) => isolated(holder.name)).join(", ") || t("card.nobody"),
  });
  const more = [
    card.cordoned && t("card.isCordoned"),
    card.simulated && t("card.isSimulated"),
    card.vanished_at !== null && t("card.isVanished"),
    old && t("card.isOld"),
  ].filter((one) => one !== false);
  return [label, ...more].join(", ");
}
