/**
 * Says when the server is away, or what it stands on. What is shown then is what was known; its ages grow, and nothing
 * turns to 0.
 */
import { Alert } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Fragment, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { sendReadiness } from "../api/client.ts";
import { AWAY_POLL_MS, POLL_MS } from "../api/query-client.ts";
import { answeredAt } from "../api/use-api.ts";
import { ageOf } from "../components/text/age-text.tsx";
import { ReasonText } from "../components/text/reason-text.tsx";
import { useTick } from "../components/text/use-tick.ts";

export function ServerBanner() {
  const { t, i18n } = useTranslation();
  useTick();
  const { data, error, dataUpdatedAt } = useQuery({
    queryKey: ["readyz"],
    queryFn: ({ signal }) => sendReadiness(signal),
    refetchInterval: ({ state }) =>
      state.status === "error" || (state.data?.degraded ?? []).length > 0 ? AWAY_POLL_MS : POLL_MS,
    staleTime: 0,
  });
  if (error !== null)
    return (
      <Banner>
        {t("away.server", {
          since: ageOf(answeredAt({ dataUpdatedAt }), i18n.language),
        })}
      </Banner>
    );
  const degraded = data?.degraded ?? [];
  if (degraded.length === 0) return null;
  return (
    <Banner>
      {t("away.degraded")}
      {degraded.map((one) => (
        <Fragment key={one.what}>
          {" "}
          <ReasonText of={one} field="why" />
        </Fragment>
      ))}
    </Banner>
  );
}

function Banner({ children }: { children: ReactNode }) {
  return (
    <Alert color="orange" variant="light" role="alert" radius={0} mb="md" data-banner>
      {children}
    </Alert>
  );
}
