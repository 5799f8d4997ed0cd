/** The reader's sessions of browsers: from where each was used, which one this is, and their ends. */
import {
  deleteSession,
  endOtherBrowserSessions,
  listSessions,
} from "@remotegpu/control-plane/client/generated/api";
import type { BrowserSession } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { AgeText } from "../../components/text/age-text.tsx";
import { NameText } from "../../components/text/name-text.tsx";
import { NotReported } from "../../components/text/not-reported.tsx";
import { type Column, PageTable } from "../../components/page/page-table.tsx";
import { ActionButton } from "../../components/workload/action-button.tsx";
import { browserName } from "./browser-name.ts";

export function Browsers() {
  const { t } = useTranslation("keys");
  const columns: Column<BrowserSession>[] = [
    { title: t("browsers.browser"), cell: (session) => <Browser session={session} /> },
    {
      title: t("browsers.address"),
      cell: ({ last_address: address }) => address ?? <NotReported />,
    },
    { title: t("api.used"), cell: ({ last_used_at: at }) => <AgeText at={at} /> },
    { title: t("browsers.begun"), cell: ({ created_at: at }) => <AgeText at={at} />, isWide: true },
    { title: t("api.ends"), cell: ({ expires_at: at }) => <AgeText at={at} />, isWide: true },
    { title: t("browsers.key"), cell: ({ key_name: name }) => name ?? t("browsers.unnamed"), isWide: true },
    { title: t("acts"), cell: (session) => <End session={session} /> },
  ];
  return (
    <PageTable
      title={t("browsers.title")}
      definition={t("browsers.definition")}
      list={listSessions()}
      columns={columns}
      keyOf={({ id }) => id}
      empty={t("browsers.empty")}
      actions={
        <ActionButton
          label={t("browsers.endOthers")}
          request={endOtherBrowserSessions()}
          consequences={{
            title: t("browsers.endOthersTitle"),
            stops: [t("browsers.endOthersStops")],
            keeps: [t("browsers.endOthersKeeps"), t("browsers.endKeeps")],
            charged: [],
          }}
        />
      }
    />
  );
}

function Browser({ session: { user_agent: userAgent, is_current: isCurrent } }: { session: BrowserSession }) {
  const { t } = useTranslation("keys");
  return (
    <>
      {userAgent === null ? (
        <NotReported />
      ) : (
        <span title={userAgent}>
          <NameText>{browserName(userAgent)}</NameText>
        </span>
      )}
      {isCurrent && (
        <Text size="sm" fw={600} data-current>
          {t("browsers.current")}
        </Text>
      )}
    </>
  );
}

function End({ session: { id, user_agent: userAgent, is_current: isCurrent } }: { session: BrowserSession }) {
  const { t } = useTranslation("keys");
  const name = userAgent === null ? String(id) : browserName(userAgent);
  return (
    <ActionButton
      label={t("browsers.end")}
      request={deleteSession(id)}
      consequences={{
        title: isCurrent ? t("browsers.endThisTitle") : t("browsers.endTitle", { name }),
        stops: [t("browsers.endStops")],
        keeps: [t("browsers.endKeeps")],
        charged: [],
      }}
    />
  );
}
