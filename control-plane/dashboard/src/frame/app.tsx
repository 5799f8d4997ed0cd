/** Who is logged in sees the pages; anybody else the way in, at whatever address. */
import { Alert, Center, Loader, MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "../api/client.ts";
import { queryClient } from "../api/query-client.ts";
import { LiveProvider } from "../live/live.tsx";
import { LoginPage } from "./login-page.tsx";
import { router } from "./router.tsx";
import { hasEnded, MeProvider, useSession } from "./session.tsx";
import { colours, theme } from "./theme.ts";

const FORBIDDEN = 403;

export function App({ ticket }: { ticket: string | null }) {
  return (
    <MantineProvider theme={theme} cssVariablesResolver={colours} defaultColorScheme="auto">
      <QueryClientProvider client={queryClient}>
        <Entrance ticket={ticket} />
      </QueryClientProvider>
    </MantineProvider>
  );
}

function Entrance({ ticket }: { ticket: string | null }) {
  const { t } = useTranslation();
  const { data: me, error } = useSession();
  const [isTicketSpent, setTicketSpent] = useState(ticket === null);
  // A ticket counts for more than the session of before, which may be another account's.
  if (!isTicketSpent) return <LoginPage ticket={ticket} onDone={() => setTicketSpent(true)} />;
  if (me === null) return <LoginPage ticket={null} why={hasEnded() ? t("login.ended") : null} />;
  // Of an account that is suspended, say: another one may log in.
  if (error instanceof Problem && error.status === FORBIDDEN)
    return <LoginPage ticket={null} why={error.message} />;
  if (me === undefined)
    return (
      <Center component="main" mih="100vh" p="md">
        {error === null ? <Loader role="status" /> : <Alert role="alert">{error.message}</Alert>}
      </Center>
    );
  return (
    <MeProvider value={me}>
      <LiveProvider isOn>
        <RouterProvider router={router} />
      </LiveProvider>
    </MeProvider>
  );
}
