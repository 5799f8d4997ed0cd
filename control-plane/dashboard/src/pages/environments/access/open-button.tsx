/**
 * Opens a service or port on the gateway's own origin, in a tab of its own, by a link that works once. The tab is opened
 * with the click itself, since a browser lets nothing be opened later.
 */
import { createEnvironmentLink } from "@remotegpu/control-plane/client/generated/api";
import type { NewWebLink } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Anchor, Button } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useAction } from "../../../api/use-api.ts";
import { Failure } from "../../../components/page/panel.tsx";

interface OpenButtonOf {
  environmentId: string;
  target: NewWebLink;
  label: string;
}

export function OpenButton({ environmentId, target, label }: OpenButtonOf) {
  const { t } = useTranslation("environments");
  const [url, setUrl] = useState<string | null>(null);
  const link = useAction(() => createEnvironmentLink(environmentId, target));
  const openTab = async () => {
    setUrl(null);
    const tab = window.open("about:blank", "_blank");
    if (tab !== null) tab.opener = null;
    try {
      const made = await link.mutateAsync();
      if (tab === null) setUrl(made.url);
      else tab.location.replace(made.url);
    } catch {
      // Told by `error`.
      tab?.close();
    }
  };
  return (
    <>
      <Button size="compact-sm" variant="default" onClick={() => void openTab()} loading={link.isPending}>
        {label}
      </Button>
      {url !== null && (
        <Anchor href={url} target="_blank" rel="noreferrer" size="sm" onClick={() => setUrl(null)}>
          {t("access.openHere")}
        </Anchor>
      )}
      {link.error !== null && <Failure why={link.error} isAct />}
    </>
  );
}
