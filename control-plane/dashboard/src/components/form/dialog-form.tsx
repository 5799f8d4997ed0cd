/** A form in a dialog, which closes once it is done or shows what is shown only once. */
import { Button, Group, Modal, Stack } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { NameText } from "../text/name-text.tsx";
import { FormGrid } from "./fields.tsx";
import { Form, FormFailure } from "./form.tsx";
import { type FormOf, useForm } from "./use-form.ts";

interface DialogFormOf<Body extends object, Answer> extends Omit<FormOf<Body, Answer>, "onDone" | "within"> {
  /** The text of the button that opens it. */
  open: string;
  title: string;
  submit: string;
  /** Shown in place of the fields, once it is done; without it the dialog closes. */
  visibleOnce?: (answer: Answer) => ReactNode;
  children?: ReactNode;
}

export function DialogForm<Body extends object, Answer>(props: DialogFormOf<Body, Answer>) {
  const { open, title, visibleOnce: listedOnce } = props;
  const { t } = useTranslation("parts");
  const [isOpen, { open: show, close }] = useDisclosure();
  const [answer, setAnswer] = useState<{ reported: Answer } | null>(null);
  const start = () => {
    setAnswer(null);
    show();
  };
  const done = (reported: Answer) => {
    if (listedOnce === undefined) close();
    else setAnswer({ reported });
  };
  return (
    <>
      <Button size="compact-md" variant="default" onClick={start}>
        {open}
      </Button>
      <Modal
        opened={isOpen}
        onClose={close}
        title={<NameText>{title}</NameText>}
        size="lg"
        closeButtonProps={{ "aria-label": t("close") }}
      >
        {answer !== null && listedOnce !== undefined ? (
          <Stack>
            {listedOnce(answer.reported)}
            <Group justify="flex-end">
              <Button onClick={close} data-autofocus>
                {t("close")}
              </Button>
            </Group>
          </Stack>
        ) : (
          <OpenForm {...props} onDone={done} onCancel={close} />
        )}
      </Modal>
    </>
  );
}

interface OpenFormOf<Body extends object, Answer> extends DialogFormOf<Body, Answer> {
  onDone: (answer: Answer) => void;
  onCancel: () => void;
}

function OpenForm<Body extends object, Answer>(props: OpenFormOf<Body, Answer>) {
  const { submit, children, onCancel } = props;
  const { t } = useTranslation("parts");
  const form = useForm<Body, Answer>(props);
  return (
    <Form form={form}>
      <Stack>
        {children}
        <FormGrid form={form} />
        <FormFailure form={form} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel}>
            {t("cancel")}
          </Button>
          <Button type="submit" loading={form.isPending}>
            {submit}
          </Button>
        </Group>
      </Stack>
    </Form>
  );
}
