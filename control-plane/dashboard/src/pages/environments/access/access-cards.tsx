/** A card for each way in. Where there is no way, its card says why. */
import { Button, Code, Group, Paper, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { AgeText } from "../../../parts/age-text.tsx";
import { CopyButton } from "../../../parts/copy-button.tsx";
import { NameText } from "../../../parts/name-text.tsx";
import type { Environment } from "../environment.ts";
import { OpenButton } from "./open-button.tsx";
import { PasswordButton } from "./password-button.tsx";
import { rdpFile, vscodeLink, type Way } from "./way.ts";
import { Said } from "../../../parts/said.tsx";

interface CardOf {
  environment: Environment;
  /** Null: it is switched off. */
  accessMethod: Way | null;
}

export function SshCard({ environment, accessMethod: way }: CardOf) {
  const { t } = useTranslation("environments");
  return (
    <Card title={t("service.ssh")} accessMethod={way}>
      {way?.command !== null && way?.command !== undefined && (
        <>
          <Line text={way.command} />
          <Group gap="xs">
            <CopyButton text={way.command} label={t("access.copyCommand")} />
            {way.known_hosts !== null && (
              <CopyButton text={way.known_hosts} label={t("access.copyHostKey")} />
            )}
          </Group>
        </>
      )}
      {way?.gateway_url !== null && way?.gateway_url !== undefined && (
        <Line text={`remotegpu ssh ${environment.id}`} />
      )}
      {way !== null && (
        <PasswordButton environmentId={environment.id} kind="ssh" setAt={way.password_set_at} />
      )}
    </Card>
  );
}

export function VscodeCard({ environment, accessMethod: way }: CardOf) {
  const { t } = useTranslation("environments");
  const link = way === null ? null : vscodeLink(way);
  return (
    <Card title={t("service.vscode")} accessMethod={way}>
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
  accessMethod: way,
  service,
}: CardOf & { service: "jupyter" | "terminal" | "tensorboard" }) {
  const { t } = useTranslation("environments");
  return (
    <Card title={t(`service.${service}`)} accessMethod={way}>
      {way !== null && way.reachable && (
        <OpenButton environmentId={environment.id} target={{ service }} label={t("access.open")} />
      )}
    </Card>
  );
}

export function RdpCard({ environment, accessMethod: way }: CardOf) {
  const { t } = useTranslation("environments");
  const hasAddress = way !== null && way.reachable && way.host !== null && way.port !== null;
  return (
    <Card title={t("service.rdp")} accessMethod={way}>
      {hasAddress && way.host !== null && way.port !== null && (
        <Button
          size="compact-sm"
          variant="default"
          component="a"
          href={`data:application/x-rdp;charset=utf-8,${encodeURIComponent(rdpFile({ host: way.host, port: way.port }))}`}
          download={`${environment.id}.rdp`}
        >
          {t("access.rdpFile")}
        </Button>
      )}
      {way?.gateway_url !== null && way?.gateway_url !== undefined && (
        <Line text={`remotegpu open ${environment.id} rdp`} />
      )}
      {way !== null && environment.status === "running" && (
        <PasswordButton environmentId={environment.id} kind="rdp" setAt={way.password_set_at} />
      )}
    </Card>
  );
}

export function CustomPortCard({
  environment,
  accessMethod: way,
}: {
  environment: Environment;
  accessMethod: Way;
}) {
  const { t } = useTranslation("environments");
  const address = way.host === null || way.port === null ? null : `${way.host}:${way.port}`;
  return (
    <Card title={t("access.port", { port: way.internal_port })} accessMethod={way}>
      {address !== null && (
        <>
          <Line text={address} />
          <CopyButton text={address} />
        </>
      )}
      {environment.status === "running" && (
        <OpenButton
          environmentId={environment.id}
          target={{ port: way.internal_port }}
          label={t("access.open")}
        />
      )}
    </Card>
  );
}

function Card({
  title,
  accessMethod: way,
  children,
}: {
  title: string;
  accessMethod: Way | null;
  children: ReactNode;
}) {
  const { t } = useTranslation("environments");
  const reason = way === null ? t("access.switchedOff") : way.reason;
  return (
    <Paper withBorder p="sm" component="section" aria-label={title} data-service={title}>
      <Stack gap="xs" align="flex-start">
        <Title order={3} size="h5">
          {title}
        </Title>
        {way !== null && children}
        {reason !== null && (
          <Text size="sm" c="dimmed" data-why style={{ overflowWrap: "anywhere" }}>
            <Said>{reason}</Said>
          </Text>
        )}
        {way !== null && way.release_due_at !== null && (
          <Text size="sm" component="div">
            {t("access.releaseDue")} <AgeText at={way.release_due_at} />
          </Text>
        )}
        {way !== null && way.last_accessed_at !== null && (
          <Text size="xs" c="dimmed" component="div">
            {t("access.lastUsed")} <AgeText at={way.last_accessed_at} />
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
