/** Fields of a form with what is wrong with each: what cannot be read here, and what the API says of it. */
import { Checkbox, NativeSelect, SimpleGrid, Textarea, TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "../../api/client.ts";
import type { AnyField, BodyField, Draft, Unread } from "./draft.ts";
import { FieldErrors } from "../text/field-errors.tsx";

/** A field as it is shown. */
interface FieldView {
  label: string;
  hint?: string;
  isRequired?: boolean;
  /** One of these; the first where nothing is chosen. */
  choices?: readonly { value: string; label: string }[];
  maxLength?: number;
}

export type Field<Body> = BodyField<Body> & FieldView;
type VisibleField = AnyField & FieldView;

interface FieldsOf {
  fields: readonly VisibleField[];
  draft: Draft;
  onChange: (path: string, text: string) => void;
  unread: Unread;
  error: Error | null;
}

export function Fields({ fields, draft, onChange, unread, error }: FieldsOf) {
  const { t } = useTranslation("work");
  const errors = error instanceof Problem ? error.errors : [];
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }}>
      {fields.map((field) => {
        const own = unread[field.path];
        const reported = errors.filter(
          ({ path }) => path === field.path || path.startsWith(`${field.path}.`),
        );
        const wrong = reported.length === 0 ? null : <FieldErrors errors={reported} />;
        return (
          <OneField
            key={field.path}
            field={field}
            text={draft[field.path] ?? field.initial ?? ""}
            onChange={(text) => onChange(field.path, text)}
            wrong={own === undefined ? wrong : t(`form.${own.why}`, { line: own.line })}
          />
        );
      })}
    </SimpleGrid>
  );
}

interface OneFieldOf {
  field: VisibleField;
  text: string;
  onChange: (text: string) => void;
  wrong: ReactNode;
}

function OneField({ field, text, onChange, wrong }: OneFieldOf) {
  const { t } = useTranslation("work");
  const { kind, label, hint, isRequired = false, choices, maxLength, path } = field;
  const visible = { label, description: hint, error: wrong, name: path, required: isRequired, maxLength };
  if (kind === "switch")
    return (
      <Checkbox
        label={label}
        description={hint}
        error={wrong}
        name={path}
        checked={text === "yes"}
        onChange={({ currentTarget: { checked } }) => onChange(checked ? "yes" : "")}
      />
    );
  if (choices !== undefined)
    return (
      <NativeSelect
        {...visible}
        value={text}
        onChange={({ currentTarget: { value } }) => onChange(value)}
        data={[...choices]}
      />
    );
  if (kind === "lines" || kind === "variables")
    return (
      <Textarea
        {...visible}
        description={hint ?? (kind === "variables" ? t("form.variablesHint") : undefined)}
        value={text}
        onChange={({ currentTarget: { value } }) => onChange(value)}
        rows={3}
      />
    );
  const isNumber = kind === "number" || kind === "gib";
  return (
    <TextInput
      {...visible}
      type={kind === "moment" ? "datetime-local" : "text"}
      inputMode={isNumber ? "decimal" : undefined}
      rightSection={kind === "gib" ? t("form.gib") : undefined}
      autoComplete="off"
      value={text}
      onChange={({ currentTarget: { value } }) => onChange(value)}
    />
  );
}
