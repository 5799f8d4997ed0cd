/** Generates a password, shows it this once, and takes it from the page when somebody has read it. */
import {
  setEnvironmentRdpPassword,
  setEnvironmentSshPassword,
} from "@remotegpu/control-plane/client/generated/api";
import type { RdpPassword, SshPassword } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Button, Code, Group, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useTranslation } from "react-i18next";
import { useAction } from "../../../api/use-api.ts";
import { AgeText } from "../../../components/text/age-text.tsx";
import { ConfirmDialog } from "../../../components/confirm-dialog.tsx";
import { CopyButton } from "../../../components/copy-button.tsx";
import { Failure } from "../../../components/page/panel.tsx";

interface PasswordButtonOf {
  environmentId: string;
  kind: "ssh" | "rdp";
  setAt: string | null;
}

export function PasswordButton({ environmentId, kind, setAt }: PasswordButtonOf) {
  const { t } = useTranslation("environments");
  const [isRequesting, { open, close }] = useDisclosure();
  const { mutate, mutateAsync, reset, data, error, isPending } = useAction<RdpPassword | SshPassword>(() =>
    kind === "rdp" ? setEnvironmentRdpPassword(environmentId) : setEnvironmentSshPassword(environmentId),
  );
  return (
    <>
      <Group gap="xs">
        <Button
          size="compact-sm"
          variant="default"
          onClick={setAt === null ? () => mutate() : open}
          loading={isPending}
        >
          {t(setAt === null ? "access.makePassword" : "access.makeAnotherPassword")}
        </Button>
        {setAt !== null && (
          <Text size="xs" c="dimmed" component="div">
            {t("access.passwordSet")} <AgeText at={setAt} />
          </Text>
        )}
      </Group>
      <ConfirmDialog
        title={t("access.anotherTitle")}
        isOpen={isRequesting}
        onClose={close}
        onConfirm={() => mutateAsync()}
        confirm={t("access.makeAnotherPassword")}
        isBusy={isPending}
        error={error}
        stops={[t("access.anotherStops")]}
        keeps={[t("access.anotherKeeps")]}
        charged={[t("access.anotherCharged")]}
      />
      {data !== undefined && (
        <Group gap="xs" role="status">
          <Code style={{ overflowWrap: "anywhere" }}>{data.password}</Code>
          <CopyButton text={data.password} />
          <Button size="compact-sm" variant="default" onClick={reset}>
            {t("access.passwordRead")}
          </Button>
          <Text size="sm">{t("access.passwordOnce", { user: data.user })}</Text>
        </Group>
      )}
      {error !== null && !isRequesting && <Failure why={error} isAct />}
    </>
  );
}
