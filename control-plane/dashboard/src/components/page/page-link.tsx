/** A link to a page of ours by its address, as `/hosts/gpu-1`; the browser's own ways to open one work as well. */
import { Anchor, type AnchorProps } from "@mantine/core";
import { type RouterHistory, useRouter } from "@tanstack/react-router";
import { type MouseEvent, type ReactNode, useCallback } from "react";
import { textAlone } from "../text/name-text.tsx";

interface PageLinkOf extends AnchorProps {
  to: string;
  title?: string;
  tabIndex?: number;
  "data-place"?: string;
  children: ReactNode;
}

export function PageLink({ to, children, ...anchor }: PageLinkOf) {
  const go = useGo();
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return (
    <Anchor href={to} onClick={follow} style={{ overflowWrap: "anywhere" }} {...anchor}>
      {textAlone(children)}
    </Anchor>
  );
}

/** Goes to an address of ours. */
export function useGo(): (to: string) => void {
  const history = useRouter().history as RouterHistory;
  return useCallback((to) => history.push(to), [history]);
}
