/** Says that the account's money is used up, what that stops, and what ends it. All can be looked at as ever. */
import { Alert, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { PageLink } from "../components/page/page-link.tsx";
import { useMe } from "../session/session.tsx";

export function DebtBanner() {
  const { t } = useTranslation();
  const { overdue_status: status } = useMe();
  if (status !== "overdue" && status !== "suspended") return null;
  return (
    <Alert color="orange" variant="light" role="status" radius={0} mb="md" data-debt={status}>
      <Text size="sm">{t(`debt.${status}`)}</Text>
      <PageLink to="/billing" size="sm" c="inherit" td="underline">
        {t("debt.bill")}
      </PageLink>
    </Alert>
  );
}
