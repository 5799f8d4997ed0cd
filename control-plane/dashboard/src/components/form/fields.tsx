/** The fields of a form as they are laid out, and at each of them what is wrong with it. */
import { SimpleGrid, type SimpleGridProps } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { NameText } from "../text/name-text.tsx";
import { FieldErrors } from "../text/field-errors.tsx";
import { type AnyField, isPartOf, textOf, type VisibleField } from "./field.ts";
import { FieldInput } from "./field-input.tsx";
import type { AnyForm } from "./use-form.ts";

interface FormFieldsOf {
  form: AnyForm;
  /** Some of its fields; without them all. */
  fields?: readonly VisibleField[];
}

/** One after the other, in whatever they are laid out by. */
export function FormFields({ form, fields = form.fields }: FormFieldsOf) {
  return fields.map((field) => <FormField key={field.path} form={form} field={field} />);
}

const TWO_COLUMNS = { base: 1, sm: 2 };

interface FormGridOf extends FormFieldsOf {
  columns?: SimpleGridProps["cols"];
}

export function FormGrid({ columns = TWO_COLUMNS, ...fields }: FormGridOf) {
  return (
    <SimpleGrid cols={columns}>
      <FormFields {...fields} />
    </SimpleGrid>
  );
}

function FormField({ form, field }: { form: AnyForm; field: VisibleField }) {
  const wrong = useWrong(form, field);
  if (!isPartOf(field, form.draft)) return null;
  return (
    <FieldInput
      field={field}
      text={textOf(field, form.draft)}
      onChange={(text) => form.change(field.path, text)}
      wrong={wrong}
    />
  );
}

/** Why the text of a field cannot be read, else what the API refused of it; null where nothing is wrong. */
function useWrong({ unread, refusedAt }: AnyForm, { path }: AnyField): ReactNode {
  const { t } = useTranslation("parts");
  const own = unread[path];
  if (own !== undefined) return <NameText>{t(`form.${own.why}`, { line: own.line })}</NameText>;
  const refused = refusedAt(path);
  if (refused.length === 0) return null;
  return <FieldErrors errors={refused} />;
}
