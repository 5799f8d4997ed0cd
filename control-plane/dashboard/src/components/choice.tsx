/** One of a few, by the browser's own control: it works by keyboard, on a phone, and by ear. */
import { NativeSelect } from "@mantine/core";

interface ChoiceOf {
  label: string;
  value: string;
  onChange: (value: string) => void;
  data: readonly { value: string; label: string }[];
}

export function Choice({ label, value, onChange, data }: ChoiceOf) {
  return (
    <NativeSelect
      label={label}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      data={[...data]}
    />
  );
}
