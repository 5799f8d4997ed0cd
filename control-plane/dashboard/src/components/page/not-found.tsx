/** Nothing at this address, or nothing that the reader may see: the two look alike. */
import { Stack, Text, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { PageLink } from "./page-link.tsx";

export function NotFound() {
  const { t } = useTranslation();
  return (
    <Stack align="flex-start" data-not-found>
      <Title order={1} size="h2">
        {t("notFound.title")}
      </Title>
      <Text>{t("notFound.text")}</Text>
      <PageLink to="/">{t("notFound.home")}</PageLink>
    </Stack>
  );
}
