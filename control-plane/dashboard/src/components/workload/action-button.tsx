/** A button that does something at once, or, where something stops or goes, after a dialog that says what comes of it. */
import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import type { ApiRequest } from "@remotegpu/control-plane/client/api-request";
import { type ReactNode, useState } from "react";
import { useAction } from "../../api/use-api.ts";
import { ConfirmDialog } from "../confirm-dialog.tsx";
import { Failure } from "../page/panel.tsx";

interface ActButtonOf {
  label: string;
  request: ApiRequest<unknown>;
  /** What a dialog says before; without it the button acts at once. */
  consequences?: Consequences;
  isDisabled?: boolean;
  onDone?: () => void;
}

interface Consequences {
  title: string;
  /** Of the button that does nothing. */
  keep?: string;
  stops: readonly string[];
  keeps: readonly string[];
  charged: readonly string[];
  children?: ReactNode;
}

export function ActionButton({ label, request, consequences, isDisabled, onDone }: ActButtonOf) {
  const [isOpen, { open, close }] = useDisclosure();
  const [isDone, setDone] = useState(false);
  const act = useAction(() => request);
  const perform = async () => {
    await act.mutateAsync();
    setDone(true);
    onDone?.();
  };
  const atOnce = () =>
    void perform().catch(() => {
      // Shown by `error`.
    });
  const start = () => {
    act.reset();
    setDone(false);
    if (consequences === undefined) atOnce();
    else open();
  };
  return (
    <>
      <Button
        size="compact-md"
        variant="default"
        onClick={start}
        disabled={isDisabled}
        loading={act.isPending}
        data-done={isDone || undefined}
      >
        {label}
      </Button>
      {consequences === undefined && act.error !== null && <Failure why={act.error} isAct />}
      {consequences !== undefined && (
        <ConfirmDialog
          title={consequences.title}
          isOpen={isOpen}
          onClose={close}
          onConfirm={perform}
          confirm={label}
          keep={consequences.keep}
          isBusy={act.isPending}
          error={act.error}
          stops={consequences.stops}
          keeps={consequences.keeps}
          charged={consequences.charged}
        >
          {consequences.children}
        </ConfirmDialog>
      )}
    </>
  );
}
