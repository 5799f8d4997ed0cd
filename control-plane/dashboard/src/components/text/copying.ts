/** Copies a text. On plain HTTP the browser has no clipboard for us: then the old command is tried, and else said. */
import { useState } from "react";

const LISTED_MS = 2_000;

/** What came of copying the text, for a moment after it was tried. */
export function useCopy(text: string): {
  outcome: "copied" | "copyFailed" | null;
  copy: () => Promise<void>;
} {
  const [outcome, setOutcome] = useState<"copied" | "copyFailed" | null>(null);
  const copy = async () => {
    setOutcome((await copied(text)) ? "copied" : "copyFailed");
    setTimeout(() => setOutcome(null), LISTED_MS);
  };
  return { outcome, copy };
}

async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Missing, or not allowed.
    return copiedBySelection(text);
  }
}

function copiedBySelection(text: string): boolean {
  const focused = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  area.style.opacity = "0";
  document.body.append(area);
  area.select();
  // The only way left on plain HTTP.
  const isCopied = document.execCommand("copy");
  area.remove();
  // Where somebody who has no mouse was.
  if (focused instanceof HTMLElement) focused.focus();
  return isCopied;
}
