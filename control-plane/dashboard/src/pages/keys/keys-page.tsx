/** Keys: of the API, and for SSH; and the browsers that they logged in. A new key of the API is shown once. */
import { Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { PageHead } from "../../components/page/page-head.tsx";
import { ApiKeys } from "./api-keys.tsx";
import { Browsers } from "./browsers.tsx";
import { SshKeys } from "./ssh-keys.tsx";

export default function KeysPage() {
  const { t } = useTranslation("keys");
  return (
    <Stack>
      <PageHead title={t("title")} />
      <SshKeys />
      <ApiKeys />
      <Browsers />
    </Stack>
  );
}
