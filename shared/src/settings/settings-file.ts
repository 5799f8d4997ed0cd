/**
 * The text of a settings file: NAME=value a line, read as systemd reads an EnvironmentFile= and as a shell does that sources
 * it, where both read the same. Nothing in it is run or replaced. What the two would read in different ways, such as a value
 * over several lines, is a fault of its line.
 */

export interface FileSetting {
  name: string;
  value: string;
  /** From 1 on. */
  line: number;
}

/** Without what the line holds, which may be a secret. */
export interface LineFault {
  line: number;
  fault: string;
}

const ASSIGNMENT = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/;
/** Before these a backslash in double quotes is no character of the value. */
const ESCAPED_IN_QUOTES = new Set(['"', "\\", "`", "$"]);

/** Of a name that is set twice the later line holds. */
export function parseSettingsFile(text: string): { settings: FileSetting[]; faults: LineFault[] } {
  const settings: FileSetting[] = [];
  const faults: LineFault[] = [];
  for (const [index, raw] of text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .entries()) {
    const [line, content] = [index + 1, raw.trim()];
    if (content === "" || content.startsWith("#") || content.startsWith(";")) continue;
    const [, name, written = ""] = ASSIGNMENT.exec(content) ?? [];
    const value = name === undefined ? null : valueOf(written);
    if (name === undefined) faults.push({ line, fault: "is not NAME=value" });
    else if (value === null) faults.push({ line, fault: `the value of ${name} does not end on its line` });
    else settings.push({ name, value, line });
  }
  return { settings, faults };
}

/** Null where a quote or a backslash is open at the end. */
function valueOf(written: string): string | null {
  let value = "";
  let quote: '"' | "'" | null = null;
  for (let at = 0; at < written.length; at += 1) {
    const [one = "", next] = [written[at], written[at + 1]];
    if (quote === null && (one === '"' || one === "'")) quote = one;
    else if (one === quote) quote = null;
    else if (one !== "\\" || quote === "'") value += one;
    else if (next === undefined) return null;
    else if (quote === '"' && !ESCAPED_IN_QUOTES.has(next)) value += one;
    else {
      value += next;
      at += 1;
    }
  }
  return quote === null ? value : null;
}
