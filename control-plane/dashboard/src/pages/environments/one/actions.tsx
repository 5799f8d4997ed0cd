/** What can be done with the whole environment. What stops something asks first, and says what stops, stays and costs. */
import {
  deleteEnvironment,
  restartEnvironment,
  startEnvironment,
  stopEnvironment,
} from "@remotegpu/control-plane/client/generated/api";
import { Button, Group, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useAction } from "../../../api/use-api.ts";
import { ConfirmDialog } from "../../../components/confirm-dialog.tsx";
import { NameText } from "../../../components/text/name-text.tsx";
import { useGo } from "../../../components/page/page-link.tsx";
import { Failure } from "../../../components/page/panel.tsx";
import type { Environment } from "./environment.ts";

type Requesting = "stop" | "restart" | "delete";
type Status = Environment["status"];

const ACTIONS = { stop: stopEnvironment, restart: restartEnvironment, delete: deleteEnvironment } as const;
const STARTABLE: readonly Status[] = ["stopped", "error"];
const STOPPABLE: readonly Status[] = ["queued", "creating", "running", "restarting"];
const RESTARTABLE: readonly Status[] = ["running"];

export function EnvironmentActions({ environment }: { environment: Environment }) {
  const { t } = useTranslation("environments");
  const [requesting, setRequesting] = useState<Requesting | null>(null);
  const { id, status } = environment;
  const start = useAction(() => startEnvironment(id));
  if (status === "deleting") return null;
  return (
    <>
      <Group gap="xs">
        {STARTABLE.includes(status) && (
          <Button onClick={() => start.mutate()} loading={start.isPending}>
            {t("act.start")}
          </Button>
        )}
        {STOPPABLE.includes(status) && (
          <Button variant="default" onClick={() => setRequesting("stop")}>
            {t("act.stop")}
          </Button>
        )}
        {RESTARTABLE.includes(status) && (
          <Button variant="default" onClick={() => setRequesting("restart")}>
            {t("act.restart")}
          </Button>
        )}
        <Button variant="default" onClick={() => setRequesting("delete")}>
          {t("act.delete")}
        </Button>
      </Group>
      {start.error !== null && <Failure why={start.error} isAct />}
      {(["stop", "restart", "delete"] as const).map((act) => (
        <Requested
          key={act}
          act={act}
          environment={environment}
          isOpen={requesting === act}
          onClose={() => setRequesting(null)}
        />
      ))}
    </>
  );
}

interface RequestedOf {
  act: Requesting;
  environment: Environment;
  isOpen: boolean;
  onClose: () => void;
}

function Requested({ act, environment, isOpen, onClose }: RequestedOf) {
  const { t } = useTranslation("environments");
  const go = useGo();
  const { mutateAsync, isPending, error, reset } = useAction<unknown>(() => ACTIONS[act](environment.id));
  const isOn = STOPPABLE.includes(environment.status) || environment.status === "stopping";
  const words = wordsOf(act, isOn, t);
  return (
    <ConfirmDialog
      title={t(`act.${act}Title`)}
      isOpen={isOpen}
      onClose={() => {
        reset();
        onClose();
      }}
      onConfirm={async () => {
        await mutateAsync();
        if (act === "delete") go("/environments");
      }}
      confirm={t(`act.${act}`)}
      isBusy={isPending}
      error={error}
      {...words}
    >
      <Text fw={600} style={{ overflowWrap: "anywhere" }}>
        <NameText>{environment.name}</NameText>
      </Text>
    </ConfirmDialog>
  );
}

type Words = ReturnType<typeof useTranslation<"environments">>["t"];

function wordsOf(
  act: Requesting,
  isOn: boolean,
  t: Words,
): { stops: string[]; keeps: string[]; charged: string[] } {
  const ended = isOn ? [t("consequence.processes"), t("consequence.sessions"), t("consequence.lost")] : [];
  const storage = [t("consequence.storage")];
  switch (act) {
    case "stop":
      return {
        stops: ended,
        keeps: [t("consequence.files"), t("consequence.settings")],
        charged: [t("consequence.minute"), ...storage],
      };
    case "restart":
      return {
        stops: ended,
        keeps: [t("consequence.files"), t("consequence.place")],
        charged: [t("consequence.newRun"), ...storage],
      };
    case "delete":
      return {
        stops: [...ended, t("consequence.forGood")],
        keeps: [t("consequence.bills"), t("consequence.filesUntilRemoved")],
        charged: [...(isOn ? [t("consequence.minute")] : []), t("consequence.storageUntilRemoved")],
      };
  }
}
