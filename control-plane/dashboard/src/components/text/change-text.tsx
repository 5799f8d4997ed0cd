/** What was, and what is: what is not said is left out. */
import { NameText } from "./name-text.tsx";
import { StatusText } from "./status-text.tsx";

interface ChangeOf {
  from: string | null;
  to: string | null;
  /** They are states, as far as the page has words for them; else names. */
  isStatus?: boolean;
}

export function ChangeText({ from, to, isStatus = false }: ChangeOf) {
  const One = isStatus ? StatusText : NameText;
  const hasBegun = from !== null && from !== "";
  const hasEnd = to !== null && to !== "";
  return (
    <>
      {hasBegun && <One>{from}</One>}
      {hasBegun && hasEnd && " → "}
      {hasEnd && <One>{to}</One>}
    </>
  );
}
