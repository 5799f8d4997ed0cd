/** The browser's own control for one field, by its kind. */
import { Checkbox, NativeSelect, Textarea, TextInput } from "@mantine/core";
import { type ChangeEvent, type ReactNode, useId } from "react";
import { useTranslation } from "react-i18next";
import type { FieldChoice, VisibleField } from "./field.ts";
import { MountChoices } from "./mount-choices.tsx";

export interface FieldInputOf {
  field: VisibleField;
  text: string;
  onChange: (text: string) => void;
  wrong: ReactNode;
}

export function FieldInput(input: FieldInputOf) {
  const { kind, choices, suggestions } = input.field;
  if (kind === "switch") return <SwitchInput {...input} />;
  if (kind === "mounts") return <MountChoices {...input} />;
  if (choices !== undefined) return <ChoiceInput {...input} choices={choices} />;
  if (suggestions !== undefined) return <SuggestedInput {...input} suggestions={suggestions} />;
  if (kind === "lines" || kind === "variables") return <LinesInput {...input} />;
  return <LineInput {...input} />;
}

/** What all controls but a switch have. */
function controlOf({ field, text, onChange, wrong }: FieldInputOf) {
  const { label, hint, path, name = path, isRequired = false, maxLength } = field;
  return {
    label,
    description: typeof hint === "function" ? hint(text) : hint,
    error: wrong,
    name,
    required: isRequired,
    maxLength,
    value: text,
    onChange: ({ currentTarget: { value } }: ChangeEvent<HTMLElement & { value: string }>) => onChange(value),
  };
}

function SwitchInput(input: FieldInputOf) {
  const { label, description, error, name } = controlOf(input);
  return (
    <Checkbox
      label={label}
      description={description}
      error={error}
      name={name}
      checked={input.text === "yes"}
      onChange={({ currentTarget: { checked } }) => input.onChange(checked ? "yes" : "")}
    />
  );
}

/** What is chosen stays a choice where it is no longer offered. */
function ChoiceInput({ choices, ...input }: FieldInputOf & { choices: readonly FieldChoice[] }) {
  const { text } = input;
  const isOffered = text === "" || choices.some(({ value }) => value === text);
  return (
    <NativeSelect
      {...controlOf(input)}
      data={[...choices, ...(isOffered ? [] : [{ value: text, label: text }])]}
    />
  );
}

function SuggestedInput({ suggestions, ...input }: FieldInputOf & { suggestions: readonly FieldChoice[] }) {
  const list = useId();
  return (
    <>
      <TextInput {...controlOf(input)} list={list} autoComplete="off" />
      <datalist id={list}>
        {suggestions.map(({ value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </datalist>
    </>
  );
}

function LinesInput(input: FieldInputOf) {
  const { t } = useTranslation("parts");
  const { description, ...control } = controlOf(input);
  const format = input.field.kind === "variables" ? t("form.variablesHint") : undefined;
  return <Textarea {...control} description={description ?? format} rows={3} />;
}

const DECIMAL = ["number", "gib", "amount"];

function LineInput(input: FieldInputOf) {
  const { t } = useTranslation("parts");
  const { kind, hasUnitInLabel = false } = input.field;
  return (
    <TextInput
      {...controlOf(input)}
      type={kind === "moment" ? "datetime-local" : "text"}
      // The keyboard of a phone.
      inputMode={DECIMAL.includes(kind) ? "decimal" : undefined}
      rightSection={kind === "gib" && !hasUnitInLabel ? t("form.gib") : undefined}
      autoComplete="off"
    />
  );
}
