/** The element of a form, which sends it once its text can be read and leads to the first field that is wrong. */
import { type FormEvent, type ReactNode, useEffect, useRef } from "react";
import { Failure } from "../page/panel.tsx";
import type { AnyForm } from "./use-form.ts";

interface FormElementOf {
  form: AnyForm;
  /** Its name for who reads by ear. */
  label?: string;
  children: ReactNode;
}

export function Form({ form, label, children }: FormElementOf) {
  const element = useRef<HTMLFormElement>(null);
  const { error, isReadable, submit } = form;
  useEffect(() => {
    if (error !== null) focusFirstWrong(element.current);
  }, [error]);
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    if (isReadable) submit();
    else focusFirstWrong(element.current);
  };
  return (
    <form ref={element} onSubmit={onSubmit} aria-label={label}>
      {children}
    </form>
  );
}

interface FormFailureOf {
  form: AnyForm;
  /** True: only what is at none of its fields. */
  isBesideFields?: boolean;
}

/** Why the form was refused. */
export function FormFailure({ form: { error, isErrorAtFields }, isBesideFields = false }: FormFailureOf) {
  if (error === null || (isBesideFields && isErrorAtFields)) return null;
  return <Failure why={error} isAct />;
}

/** A field that is folded away is unfolded. */
function focusFirstWrong(form: HTMLFormElement | null): void {
  const wrong = form?.querySelector<HTMLElement>('[aria-invalid="true"]');
  const folded = wrong?.closest("details");
  if (folded) folded.open = true;
  wrong?.focus();
}
