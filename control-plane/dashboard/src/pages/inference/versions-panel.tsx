/** The version that serves and the one that is on its way, and what became of those before, with the sentence of each. */
import { listServiceRollouts } from "@remotegpu/control-plane/client/generated/api";
import type { ServiceRollout } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Alert, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { AgeText } from "../../components/text/age-text.tsx";
import { ChangeText } from "../../components/text/change-text.tsx";
import { NameText } from "../../components/text/name-text.tsx";
import { type Column, PageTable } from "../../components/page/page-table.tsx";
import { Panel } from "../../components/page/panel.tsx";
import type { Service } from "./service.ts";
import { ReasonText } from "../../components/text/reason-text.tsx";

export function VersionsPanel({ service }: { service: Service }) {
  const { t } = useTranslation("inference");
  const { id, version, previous_version: previous, image, rollout, instances } = service;
  const ofNew = instances.filter(({ revision }) => revision === rollout?.revision);
  const columns: Column<ServiceRollout>[] = [
    { title: t("versions.began"), cell: ({ began_at: at }) => <AgeText at={at} /> },
    {
      title: t("versions.what"),
      cell: ({ from_version: from, version: to }) => <ChangeText from={from ?? "–"} to={to ?? "–"} />,
    },
    {
      title: t("versions.outcome"),
      cell: ({ outcome }) => t(`versions.${outcome ?? "onItsWay"}`),
    },
    { title: t("versions.cause"), cell: (one) => <ReasonText of={one} field="cause" /> },
    { title: t("versions.actor"), cell: ({ actor }) => actor, isWide: true },
  ];
  return (
    <>
      <Panel title={t("versions.title")}>
        <Text style={{ overflowWrap: "anywhere" }}>
          <NameText>{t("versions.now", { version: version ?? "–", image })}</NameText>
        </Text>
        {previous !== null && (
          <Text size="sm">
            <NameText>{t("versions.previous", { version: previous })}</NameText>
          </Text>
        )}
        {rollout !== null && (
          <Alert
            mt="sm"
            variant="light"
            title={
              <NameText>
                {t(rollout.cause === null ? "versions.goes" : "versions.goesBack", {
                  version: rollout.version ?? "–",
                })}
              </NameText>
            }
            data-rollout
          >
            {rollout.cause !== null && (
              <Text>
                <ReasonText of={rollout} field="cause" />
              </Text>
            )}
            {t("versions.stand", {
              ready: ofNew.filter(({ serving }) => serving === "yes").length,
              count: ofNew.length,
              old: instances.length - ofNew.length,
            })}
          </Alert>
        )}
      </Panel>
      <PageTable
        title={t("versions.history")}
        list={listServiceRollouts(id)}
        topics={[`service:${id}`]}
        columns={columns}
        keyOf={({ number }) => number}
        empty={t("versions.none")}
      />
    </>
  );
}
