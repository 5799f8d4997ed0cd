/** All that the map knows of one card, and taking it out of service or back. */
import { cordonGpu, uncordonGpu } from "@remotegpu/control-plane/client/generated/api";
import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useAction } from "../../api/use-api.ts";
import { AgeText } from "../../components/text/age-text.tsx";
import { type Fact, Facts } from "../../components/facts.tsx";
import { NameText } from "../../components/text/name-text.tsx";
import { PageLink } from "../../components/page/page-link.tsx";
import { ReasonText } from "../../components/text/reason-text.tsx";
import { Failure } from "../../components/page/panel.tsx";
import { StatusBadge } from "../../components/status-badge.tsx";
import { memoryText } from "./map/fleet-cell.tsx";
import { HolderLinks } from "./holder-links.tsx";
import type { MapCard, MapHost } from "./map/map-rows.ts";

interface CardDialogOf {
  host: MapHost;
  card: MapCard;
  onClose: () => void;
}

export function CardDialog({ host, card, onClose }: CardDialogOf) {
  const { t } = useTranslation("fleet");
  const { t: parts } = useTranslation("parts");
  const verb = card.cordoned ? "uncordon" : "cordon";
  const act = useAction((uuid: string) => (card.cordoned ? uncordonGpu : cordonGpu)(uuid, {}));
  const { uuid, gpu_index: index, host_name: name } = { ...card, ...host };
  const rows: Fact[] = [
    ["UUID", uuid],
    [t("card.model"), card.name],
    [
      t("card.use"),
      card.utilization_percent === null ? null : `${card.utilization_percent} %`,
      t("card.useIs"),
    ],
    [t("card.memory"), memoryText(card, t), t("card.memoryIs")],
    [
      t("card.temperature"),
      card.temperature_c === null ? null : `${card.temperature_c} °C`,
      t("card.temperatureIs"),
    ],
    [t("card.power"), card.power_w === null ? null : `${card.power_w} W`, t("card.powerIs")],
    [t("card.health"), <StatusBadge key="health" status={card.health_status} />, t("card.healthIs")],
    ...(card.reason === null
      ? []
      : [[t("card.reason"), <ReasonText key="reason" of={card} field="reason" />] as Fact]),
    [t("card.sample"), <AgeText key="sample" at={card.sampled_at} />, t("card.sampleIs")],
    ...(card.vanished_at === null
      ? []
      : [[t("card.vanished"), <AgeText key="gone" at={card.vanished_at} />] as Fact]),
    [
      t("card.holders"),
      card.holders.length === 0 ? t("card.nobody") : <HolderLinks key="holders" holders={card.holders} />,
    ],
  ];
  return (
    <Modal
      opened
      onClose={onClose}
      title={
        <NameText>
          {index === null ? t("card.gone", { host: name }) : t("card.title", { index, host: name })}
        </NameText>
      }
      closeButtonProps={{ "aria-label": parts("close") }}
    >
      <Stack gap="sm">
        <Facts facts={rows} />
        {!card.cordoned && (
          <Text size="sm" c="dimmed">
            {t("card.cordonGoesOn")}
          </Text>
        )}
        {act.error !== null && <Failure why={act.error} isAct />}
        <Group justify="space-between">
          <PageLink to={`/hosts/${encodeURIComponent(host.id)}`}>{t("card.open")}</PageLink>
          {uuid !== null && card.vanished_at === null && (
            <Button
              color={card.cordoned ? "blue" : "orange.9"}
              loading={act.isPending}
              onClick={() => act.mutate(uuid, { onSuccess: onClose })}
            >
              {t(`card.${verb}`)}
            </Button>
          )}
        </Group>
      </Stack>
    </Modal>
  );
}
