/**
 * Asks before something that cannot be undone or that stops what others use: what stops, what is kept, what is still
 * charged. A refusal of the API is shown within it, and it stays open.
 */
import { Button, Group, List, Modal, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { NameText } from "./text/name-text.tsx";
import { Failure } from "./page/panel.tsx";

interface Comes {
  /** Of each, where it is empty, that it is nothing. */
  stops: readonly string[];
  keeps: readonly string[];
  charged: readonly string[];
}

interface Confirmation extends Comes {
  title: string;
  isOpen: boolean;
  onClose: () => void;
  /** Closes the dialog when it has succeeded. */
  onConfirm: () => Promise<unknown>;
  confirm: string;
  /** Of the button that does nothing; without it "Cancel", which is no word where something is to be cancelled. */
  keep?: string | undefined;
  isBusy: boolean;
  error: Error | null;
  children?: ReactNode;
}

export function ConfirmDialog(props: Confirmation) {
  const { title, isOpen, onClose, onConfirm, confirm, keep, isBusy, error, stops, keeps, charged, children } =
    props;
  const { t } = useTranslation("parts");
  const agree = () =>
    void onConfirm().then(onClose, () => {
      // Shown by `error`.
    });
  return (
    <Modal
      opened={isOpen}
      onClose={onClose}
      title={<NameText>{title}</NameText>}
      closeButtonProps={{ "aria-label": t("close") }}
    >
      <Stack gap="sm">
        {children}
        <Consequences stops={stops} keeps={keeps} charged={charged} />
        {error !== null && <Failure why={error} isAct />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose} data-autofocus>
            {keep ?? t("cancel")}
          </Button>
          <Button color="red" onClick={agree} loading={isBusy}>
            {confirm}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

/** Also for a dialog with a form, by which something ends. */
export function Consequences({ stops, keeps, charged }: Comes) {
  const { t } = useTranslation("parts");
  return (
    <>
      <Lines title={t("dialog.stops")} lines={stops} />
      <Lines title={t("dialog.kept")} lines={keeps} />
      <Lines title={t("dialog.charged")} lines={charged} />
    </>
  );
}

function Lines({ title, lines }: { title: string; lines: readonly string[] }) {
  const { t } = useTranslation("parts");
  return (
    <div>
      <Text fw={600} size="sm">
        {title}
      </Text>
      <List size="sm">
        {(lines.length === 0 ? [t("dialog.nothing")] : lines).map((line) => (
          <List.Item key={line} style={{ overflowWrap: "anywhere" }}>
            <NameText>{line}</NameText>
          </List.Item>
        ))}
      </List>
    </div>
  );
}
