/** A few fields in a dialog, and what comes of them: `children` of the answer may be what is shown only once. */
import { Button, Group, Modal, Stack } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import type { ApiRequest } from "@remotegpu/control-plane/client/api-request";
import { type FormEvent, type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { useAction } from "../../api/use-api.ts";
import { NameText } from "../text/name-text.tsx";
import { Failure } from "../page/panel.tsx";
import { bodyOf, type Draft, draftOf, type LikeBody } from "./draft.ts";
import { type Field, Fields } from "./fields.tsx";

interface DialogFormOf<Body extends object, Answer> {
  /** Of the button that opens it. */
  open: string;
  title: string;
  submit: string;
  /** What is sent with the body that the fields say. */
  request: (body: Body) => ApiRequest<Answer>;
  fields: readonly Field<NoInfer<Body>>[];
  /** What the fields say at first. */
  base?: LikeBody<NoInfer<Body>>;
  /** Shown in place of the fields, once it is done; without it the dialog closes. */
  visibleOnce?: (answer: Answer) => ReactNode;
  children?: ReactNode;
}

export function DialogForm<Body extends object, Answer>(props: DialogFormOf<Body, Answer>) {
  const { open, title, visibleOnce: listedOnce } = props;
  const { t } = useTranslation(["work", "parts"]);
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
        closeButtonProps={{ "aria-label": t("close", { ns: "parts" }) }}
      >
        {answer !== null && listedOnce !== undefined ? (
          <Stack>
            {listedOnce(answer.reported)}
            <Group justify="flex-end">
              <Button onClick={close} data-autofocus>
                {t("close", { ns: "parts" })}
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
  const { request, fields, base = {}, submit, children, onDone, onCancel } = props;
  const { t } = useTranslation(["work", "parts"]);
  const [draft, setDraft] = useState<Draft>(() => startOf(fields, base));
  const act = useAction(request);
  const { body, unread } = bodyOf<Body>(fields, draft);
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (Object.keys(unread).length > 0) return;
    void act.mutateAsync(body).then(onDone, () => {
      // Shown by `error`.
    });
  };
  return (
    <form onSubmit={send}>
      <Stack>
        {children}
        <Fields
          fields={fields}
          draft={draft}
          unread={unread}
          error={act.error}
          onChange={(name, text) => setDraft((before) => ({ ...before, [name]: text }))}
        />
        {act.error !== null && <Failure why={act.error} isAct />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel}>
            {t("cancel", { ns: "parts" })}
          </Button>
          <Button type="submit" loading={act.isPending}>
            {submit}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** What is there, and the initial text of fields that nothing is there for. */
function startOf<Body extends object>(fields: readonly Field<Body>[], base: LikeBody<Body>): Draft {
  const there = Object.entries(draftOf<Body>(fields, base)).filter(([, text]) => text !== "");
  return Object.fromEntries(there);
}
