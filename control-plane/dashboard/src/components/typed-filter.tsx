/** A filter that is typed: it is told once the typing rests, so that no half word is asked for. It lives in the address. */
import { TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useEffect, useRef, useState } from "react";

interface TypedFilterOf {
  label: string;
  value: string;
  onChange: (value: string) => void;
  maxLength?: number;
  /** A number is wanted: nothing else is told. */
  isNumber?: boolean;
}

const TYPING_MS = 300;

export function TypedFilter({ label, value, onChange, maxLength = 256, isNumber = false }: TypedFilterOf) {
  const [typed, setTyped] = useState(value);
  const reported = useRef(value);
  const isReported = (text: string) => !isNumber || /^[1-9]?\d{0,14}$/.test(text);
  const report = useDebouncedCallback((text: string) => {
    if (!isReported(text)) return;
    reported.current = text;
    onChange(text);
  }, TYPING_MS);
  // The address has changed otherwise, as by a link.
  useEffect(() => {
    if (value === reported.current) return;
    reported.current = value;
    setTyped(value);
  }, [value]);
  return (
    <TextInput
      label={label}
      value={typed}
      maxLength={maxLength}
      inputMode={isNumber ? "numeric" : "text"}
      onChange={({ currentTarget: { value: text } }) => {
        setTyped(text);
        report(text.trim());
      }}
    />
  );
}
