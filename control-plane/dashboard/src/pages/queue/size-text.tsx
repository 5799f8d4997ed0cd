/** What an order asks for. */
import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { NameText } from "../../components/text/name-text.tsx";
import { bytesText } from "../../components/text/size-text.ts";
import type { Waiting } from "./waiting.ts";

export function SizeText({ order: { size } }: { order: Waiting }) {
  const { t } = useTranslation("queue");
  return (
    <>
      {t("size", { ...size, memory: bytesText(size.memory) ?? "" })}
      {size.gpu_model !== null && (
        <Text size="sm" c="dimmed">
          <NameText>{size.gpu_model}</NameText>
        </Text>
      )}
    </>
  );
}
