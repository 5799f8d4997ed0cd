/** How much of a card's memory is used, by which instances, and what no process explains. */
import type { Gpu } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { NotReported } from "../../components/text/not-reported.tsx";
import { bytesText } from "../../components/text/size-text.ts";

const BYTES_OF_MIB = 2 ** 20;

type Memory = Pick<Gpu, "memory_used_mib" | "memory_total" | "memory_users" | "unexplained_memory_mib">;

export function CardMemory({ card }: { card: Memory }) {
  const { t } = useTranslation("host");
  const { memory_used_mib: used, memory_total: total } = card;
  if (used === null) return <NotReported />;
  return (
    <>
      {t("facts.used", { used: mibText(used), total: bytesText(total) ?? "?" })}
      {card.memory_users.map(({ instance_id: instance, memory_mib: memory }) => (
        <Text key={instance} size="xs" c="dimmed" data-memory-user={instance}>
          {memory === null
            ? t("gpus.userUnknown", { instance })
            : t("gpus.user", { instance, memory: mibText(memory) })}
        </Text>
      ))}
      {(card.unexplained_memory_mib ?? 0) > 0 && (
        <Text size="xs" c="dimmed" data-memory-unexplained>
          {t("gpus.unexplained", { memory: mibText(card.unexplained_memory_mib ?? 0) })}
        </Text>
      )}
    </>
  );
}

function mibText(mib: number): string {
  return bytesText(mib * BYTES_OF_MIB) ?? "";
}
