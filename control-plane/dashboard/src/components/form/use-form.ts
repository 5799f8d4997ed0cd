/** A form from its draft to the answer: what is typed, the body that it stands for, its request, and what was refused. */
import type { ApiRequest } from "@remotegpu/control-plane/client/api-request";
import { useState } from "react";
import { type FieldError, Problem } from "../../api/client.ts";
import { useAction } from "../../api/use-api.ts";
import {
  type AnyField,
  type Draft,
  type Field,
  isPartOf,
  type LikeBody,
  type MemberPath,
  type VisibleField,
} from "./field.ts";
import { bodyOf, draftOf, type Unread } from "./draft.ts";

export interface FormOf<Body extends object, Answer> {
  /** What is sent with the body that the fields stand for. */
  request: (body: Body) => ApiRequest<Answer>;
  fields: readonly Field<NoInfer<Body>>[];
  /** The body that the form changes; without it the fields have their initial text. */
  base?: LikeBody<NoInfer<Body>>;
  /** Where the request's body has the body of the form: `prices.0`. */
  within?: string;
  onDone?: (answer: Answer) => void;
}

/** As much of a form as its element, its fields and its buttons need. */
export interface AnyForm {
  fields: readonly VisibleField[];
  draft: Draft;
  unread: Unread;
  /** False while the text of a field cannot be read; nothing is sent then. */
  isReadable: boolean;
  isPending: boolean;
  error: Error | null;
  /** True where all that was refused is at fields of the form. */
  isErrorAtFields: boolean;
  /** What the API refused at a field. */
  refusedAt: (path: string) => readonly FieldError[];
  change(path: string, text: string): void;
  submit: () => void;
}

export interface FormState<Body, Answer = unknown> extends AnyForm {
  body: Body;
  /** The body that was sent last, and its answer. */
  sent: Body | undefined;
  answer: Answer | undefined;
  change(path: MemberPath<Body>, text: string): void;
  /** @throws what was refused, which `error` has as well */
  send: () => Promise<Answer>;
  /** Forgets what was answered and refused. */
  reset: () => void;
}

export function useForm<Body extends object, Answer>(form: FormOf<Body, Answer>): FormState<Body, Answer> {
  const { request, fields, base, within, onDone } = form;
  const [draft, setDraft] = useState<Draft>(() =>
    base === undefined ? {} : draftOf<NoInfer<Body>>(fields, base),
  );
  const act = useAction(request);
  const { body, unread } = bodyOf<NoInfer<Body>>(fields, draft, base);
  const isReadable = Object.keys(unread).length === 0;
  const errors = errorsOf(act.error, within);
  const send = async () => {
    if (!isReadable) throw new Error("the text of a field cannot be read");
    return await act.mutateAsync(body);
  };
  return {
    fields,
    draft,
    body,
    unread,
    isReadable,
    isPending: act.isPending,
    sent: act.variables,
    answer: act.data,
    error: act.error,
    isErrorAtFields: isAtFields(errors, fields, draft),
    refusedAt: (path) => errors.filter((error) => isAt(error, path)),
    change: (path: string, text: string) => setDraft((before) => ({ ...before, [path]: text })),
    send,
    submit: () => {
      if (act.isPending) return;
      void send().then(onDone, () => {
        // The fields and `error` have it.
      });
    },
    reset: act.reset,
  };
}

function errorsOf(error: Error | null, within: string | undefined): readonly FieldError[] {
  if (!(error instanceof Problem)) return [];
  const outer = within === undefined ? "" : `${within}.`;
  return error.errors.map(({ path, ...rest }) => ({
    ...rest,
    path: path.startsWith(outer) ? path.slice(outer.length) : path,
  }));
}

function isAtFields(errors: readonly FieldError[], fields: readonly AnyField[], draft: Draft): boolean {
  const visible = fields.filter((field) => isPartOf(field, draft));
  return errors.length > 0 && errors.every((error) => visible.some(({ path }) => isAt(error, path)));
}

/** A refusal of `mounted_datasets.0.id` is at the field `mounted_datasets`. */
function isAt(error: FieldError, path: string): boolean {
  return error.path === path || error.path.startsWith(`${path}.`);
}
