/** Single sign-on at the way in: the button that leads to the identity provider, and what is said while it is away. */
import { getSignOnOptions } from "@remotegpu/control-plane/client/generated/api";
import { Alert, Button, Divider, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { send } from "../api/client.ts";
import { AWAY_POLL_MS } from "../api/query-client.ts";

const START = "/api/v1/auth/oidc/start";

/** Nothing where the server has no provider. */
export function SignOn({ isInvited }: { isInvited: boolean }) {
  const { t } = useTranslation();
  const { data } = useQuery({
    queryKey: ["sign-on"],
    queryFn: ({ signal }) => send(getSignOnOptions(), { signal }),
    refetchInterval: ({ state }) => state.data?.is_available === false && AWAY_POLL_MS,
  });
  const name = data?.name ?? null;
  if (data === undefined || name === null) return null;
  const returnTo = encodeURIComponent(location.pathname + location.search);
  return (
    <>
      {isInvited && (
        <Alert variant="light" role="status">
          {t("login.signOn.invited", { name })}
        </Alert>
      )}
      {data.is_available ? (
        <Button component="a" href={`${START}?return_to=${returnTo}`} style={{ overflowWrap: "anywhere" }}>
          {t("login.signOn.button", { name })}
        </Button>
      ) : (
        <Text size="sm" role="status">
          {t("login.signOn.away", { name })}
        </Text>
      )}
      <Divider label={t("login.signOn.or")} />
    </>
  );
}

const REFUSED = {
  "sign-on-provider-away": "login.signOn.refused.away",
  "requests-of-address-too-many": "login.tooMany",
} as const;

/** Why no login at the provider could begin. */
export function SignOnRefusal({ code }: { code: string }) {
  const { t } = useTranslation();
  return (
    <>
      {t(Object.hasOwn(REFUSED, code) ? REFUSED[code as keyof typeof REFUSED] : "login.signOn.refused.other")}
    </>
  );
}
