/** Who is logged in sees the pages; anybody else the way in, at whatever address. */
import { Alert, Center, Loader, MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "../api/client.ts";
import { queryClient } from "../api/query-client.ts";
import { LiveProvider } from "../live/live.tsx";
import type { Arrival } from "../session/arrival.ts";
import { useKnownSession } from "../session/known-session.ts";
import { LoginPage } from "./login-page.tsx";
import { EntryRefusal } from "./entry-refusal.tsx";
import { router } from "./router.tsx";
import { logout, MeProvider, useSession } from "../session/session.tsx";
import { colours, theme } from "./theme.ts";

const FORBIDDEN = 403;

export function App({ arrival }: { arrival: Arrival | null }) {
  return (
    <MantineProvider theme={theme} cssVariablesResolver={colours} defaultColorScheme="auto">
      <QueryClientProvider client={queryClient}>
        <Entrance arrival={arrival} />
      </QueryClientProvider>
    </MantineProvider>
  );
}

function Entrance({ arrival }: { arrival: Arrival | null }) {
  const { t } = useTranslation();
  const { data: me, error } = useSession();
  const known = useKnownSession();
  const [isSpent, setSpent] = useState(arrival === null);
  const spend = () => setSpent(true);
  const goOn = (returnTo: string | null) => {
    if (returnTo !== null) router.history.replace(returnTo);
    spend();
  };
  // Of an account that is suspended, say: another one may log in.
  const isHeld = error instanceof Problem && error.status === FORBIDDEN;
  // What a link brings counts for more than the session of before, which may be another account's.
  if (!isSpent) {
    const isThere = me !== undefined && me !== null && !isHeld;
    const staying = isThere ? { name: me.username, stay: spend } : null;
    return <LoginPage key="arrival" arrival={arrival} onDone={goOn} staying={staying} />;
  }
  if (isHeld) return <LoginPage key="held" why={<EntryRefusal of={error} />} leave={logout} />;
  if (me === null) {
    const why = known?.state === "ended" ? t(`login.ended.${known.why}`) : null;
    return <LoginPage key="in" why={why} />;
  }
  if (me === undefined)
    return (
      <Center component="main" mih="100vh" p="md">
        {error === null ? (
          <Loader role="status" />
        ) : (
          <Alert role="alert">
            <EntryRefusal of={error} />
          </Alert>
        )}
      </Center>
    );
  return (
    <MeProvider key={me.id} value={me}>
      <LiveProvider session={known?.state === "open" ? known.entry : ""}>
        <RouterProvider router={router} />
      </LiveProvider>
    </MeProvider>
  );
}
