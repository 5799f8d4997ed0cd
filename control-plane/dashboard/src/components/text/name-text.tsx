/**
 * What people and programs wrote: names, labels, reasons, paths, commands, addresses. It is read in its own direction,
 * turns nothing around it, and breaks anywhere rather than widen the page.
 */
import type { ReactNode } from "react";
import { contained } from "../../locales/isolated.ts";

export function NameText({ children }: { children: string }) {
  return <bdi>{contained(children)}</bdi>;
}

/** Whatever a table, a fact or a title is given: its text stands by itself, what is more than text sees to that. */
export function textAlone(content: ReactNode): ReactNode {
  return typeof content === "string" && content !== "" ? <NameText>{content}</NameText> : content;
}

/** Names beside each other. */
export function NameList({ names }: { names: readonly string[] }) {
  return names.map((name, index) => (
    <span key={name}>
      {index > 0 && ", "}
      <NameText>{name}</NameText>
    </span>
  ));
}
