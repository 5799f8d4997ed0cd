/** What was, and what is: what is not said is left out. */
import { NameText } from "./name-text.tsx";
import { ServerText } from "./server-text.tsx";

interface ChangeOf {
  from: string | null;
  to: string | null;
  /** In words of the server, as states are; else names. */
  isReported?: boolean;
}

export function ChangeText({ from, to, isReported = false }: ChangeOf) {
  const One = isReported ? ServerText : NameText;
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
