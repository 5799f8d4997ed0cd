/** Any of several datasets or models, each with a box to tick. */
import { Checkbox, Fieldset, Stack, Text } from "@mantine/core";
import "@mantine/core/styles/Fieldset.css";
import { NameText } from "../text/name-text.tsx";
import { wordsOf } from "./field-kinds.ts";
import type { FieldInputOf } from "./field-input.tsx";

export function MountChoices({ field, text, onChange, wrong }: FieldInputOf) {
  const chosen = wordsOf(text);
  const tick = (id: string, isOn: boolean) =>
    onChange((isOn ? [...chosen, id] : chosen.filter((other) => other !== id)).join(", "));
  return (
    <Fieldset legend={field.label}>
      <Stack gap="xs">
        {field.choices?.map(({ value, label }) => (
          <Checkbox
            key={value}
            label={<NameText>{label}</NameText>}
            name={field.path}
            checked={chosen.includes(value)}
            onChange={({ currentTarget: { checked } }) => tick(value, checked)}
          />
        ))}
        {wrong !== null && (
          <Text size="sm" c="var(--mantine-color-error)" role="alert" component="div">
            {wrong}
          </Text>
        )}
      </Stack>
    </Fieldset>
  );
}
