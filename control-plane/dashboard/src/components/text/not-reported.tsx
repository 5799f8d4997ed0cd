/** What is shown for null: nobody said it, which is not 0. */
import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";

export function NotReported() {
  const { t } = useTranslation("parts");
  return (
    <Text span size="sm" c="dimmed" fs="italic">
      {t("notReported")}
    </Text>
  );
}
