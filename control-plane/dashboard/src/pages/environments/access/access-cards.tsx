/** A card for each way in. Where there is no way, its card says why. */
import { Button, Code, Group, Paper, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { AgeText } from "../../../components/text/age-text.tsx";
import { CopyButton } from "../../../components/copy-button.tsx";
import { NameText } from "../../../components/text/name-text.tsx";
import type { Environment } from "../one/environment.ts";
import { OpenButton } from "./open-button.tsx";
import { PasswordButton } from "./password-button.tsx";
import { rdpFile, vscodeLink, type AccessMethod } from "./access-method.ts";
import { ReasonText } from "../../../components/text/reason-text.tsx";

interface CardOf {
  environment: Environment;
  /** Null: it is switched off. */
  accessMethod: AccessMethod | null;
}

export function SshCard({ environment, accessMethod }: CardOf) {
  const { t } = useTranslation("environments");
  return (
    <Card title={t("service.ssh")} accessMethod={accessMethod}>
      {accessMethod?.command !== null && accessMethod?.command !== undefined && (
        <>
          <Line text={accessMethod.command} />
          <Group gap="xs">
            <CopyButton text={accessMethod.command} label={t("access.copyCommand")} />
            {accessMethod.known_hosts !== null && (
              <CopyButton text={accessMethod.known_hosts} label={t("access.copyHostKey")} />
            )}
          </Group>
        </>
      )}
      {accessMethod?.gateway_url !== null && accessMethod?.gateway_url !== undefined && (
        <Line text={`remotegpu ssh ${environment.id}`} />
      )}
      {accessMethod !== null && (
        <PasswordButton environmentId={environment.id} kind="ssh" setAt={accessMethod.password_set_at} />
      )}
    </Card>
  );
}

export function VscodeCard({ environment, accessMethod }: CardOf) {
  const { t } = useTranslation("environments");
  const link = accessMethod === null ? null : vscodeLink(accessMethod);
  return (
    <Card title={t("service.vscode")} accessMethod={accessMethod}>
      {link !== null && (
        <Button size="compact-sm" variant="default" component="a" href={link}>
          {t("access.openVscode")}
        </Button>
      )}
      <Text size="sm" c="dimmed">
        {t("access.vscodeHint")}
      </Text>
      <Line text={`remotegpu env open ${environment.id} --vscode`} />
    </Card>
  );
}

export function WebCard({
  environment,
  accessMethod,
  service,
}: CardOf & { service: "jupyter" | "terminal" | "tensorboard" }) {
  const { t } = useTranslation("environments");
  return (
    <Card title={t(`service.${service}`)} accessMethod={accessMethod}>
      {accessMethod !== null && accessMethod.reachable && (
        <OpenButton environmentId={environment.id} target={{ service }} label={t("access.open")} />
      )}
    </Card>
  );
}

export function RdpCard({ environment, accessMethod }: CardOf) {
  const { t } = useTranslation("environments");
  const hasAddress =
    accessMethod !== null &&
    accessMethod.reachable &&
    accessMethod.host !== null &&
    accessMethod.port !== null;
  return (
    <Card title={t("service.rdp")} accessMethod={accessMethod}>
      {hasAddress && accessMethod.host !== null && accessMethod.port !== null && (
        <Button
          size="compact-sm"
          variant="default"
          component="a"
          href={`data:application/x-rdp;charset=utf-8,${encodeURIComponent(rdpFile({ host: accessMethod.host, port: accessMethod.port }))}`}
          download={`${environment.id}.rdp`}
        >
          {t("access.rdpFile")}
        </Button>
      )}
      {accessMethod?.gateway_url !== null && accessMethod?.gateway_url !== undefined && (
        <Line text={`remotegpu open ${environment.id} rdp`} />
      )}
      {accessMethod !== null && environment.status === "running" && (
        <PasswordButton environmentId={environment.id} kind="rdp" setAt={accessMethod.password_set_at} />
      )}
    </Card>
  );
}

export function CustomPortCard({
  environment,
  accessMethod,
}: {
  environment: Environment;
  accessMethod: AccessMethod;
}) {
  const { t } = useTranslation("environments");
  const address =
    accessMethod.host === null || accessMethod.port === null
      ? null
      : `${accessMethod.host}:${accessMethod.port}`;
  return (
    <Card title={t("access.port", { port: accessMethod.internal_port })} accessMethod={accessMethod}>
      {address !== null && (
        <>
          <Line text={address} />
          <CopyButton text={address} />
        </>
      )}
      {environment.status === "running" && (
        <OpenButton
          environmentId={environment.id}
          target={{ port: accessMethod.internal_port }}
          label={t("access.open")}
        />
      )}
    </Card>
  );
}

function Card({
  title,
  accessMethod,
  children,
}: {
  title: string;
  accessMethod: AccessMethod | null;
  children: ReactNode;
}) {
  const { t } = useTranslation("environments");
  const reason = accessMethod === null ? t("access.switchedOff") : accessMethod.reason;
  return (
    <Paper withBorder p="sm" component="section" aria-label={title} data-service={title}>
      <Stack gap="xs" align="flex-start">
        <Title order={3} size="h5">
          {title}
        </Title>
        {accessMethod !== null && children}
        {reason !== null && (
          <Text size="sm" c="dimmed" data-why style={{ overflowWrap: "anywhere" }}>
            {accessMethod === null ? reason : <ReasonText of={accessMethod} field="reason" />}
          </Text>
        )}
        {accessMethod !== null && accessMethod.release_due_at !== null && (
          <Text size="sm" component="div">
            {t("access.releaseDue")} <AgeText at={accessMethod.release_due_at} />
          </Text>
        )}
        {accessMethod !== null && accessMethod.last_accessed_at !== null && (
          <Text size="xs" c="dimmed" component="div">
            {t("access.lastUsed")} <AgeText at={accessMethod.last_accessed_at} />
          </Text>
        )}
      </Stack>
    </Paper>
  );
}

function Line({ text }: { text: string }) {
  return (
    <Code style={{ overflowWrap: "anywhere", whiteSpace: "pre-wrap" }}>
      <NameText>{text}</NameText>
    </Code>
  );
}
