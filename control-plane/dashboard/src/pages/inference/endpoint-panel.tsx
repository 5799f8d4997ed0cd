/** The address that answers, and a command that asks it. */
import { Code, Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { CopyButton } from "../../components/copy-button.tsx";
import { NameText } from "../../components/text/name-text.tsx";
import { Panel } from "../../components/page/panel.tsx";
import { curlOf, type Service } from "./service.ts";

export function EndpointPanel({ service }: { service: Service }) {
  const { t } = useTranslation("inference");
  const curl = curlOf(service);
  const isPublic = service.config?.["public"] === true;
  return (
    <Panel title={t("endpoint.title")} definition={t(isPublic ? "endpoint.public" : "endpoint.keyed")}>
      {curl === null ? (
        <Text c="dimmed">{t("endpoint.none")}</Text>
      ) : (
        <>
          <Line text={service.endpoint_url ?? ""} />
          <Line text={curl} />
        </>
      )}
    </Panel>
  );
}

function Line({ text }: { text: string }) {
  return (
    <Group gap="xs" mb="xs">
      <Code style={{ overflowWrap: "anywhere", whiteSpace: "pre-wrap" }}>
        <NameText>{text}</NameText>
      </Code>
      <CopyButton text={text} />
    </Group>
  );
}
