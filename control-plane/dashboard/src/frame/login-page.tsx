/** The way in: a key is exchanged for a session, or the ticket of a link that came with the address. */
import { Alert, Button, Center, Paper, PasswordInput, Stack, Text, Title } from "@mantine/core";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { LanguageChoice, ThemeChoice } from "./choices.tsx";
import { useLogin } from "./session.tsx";

interface LoginPageOf {
  ticket: string | null;
  /** Why somebody who was logged in comes here. */
  why?: string | null;
  onDone?: () => void;
}

export function LoginPage({ ticket, why = null, onDone }: LoginPageOf) {
  const { t } = useTranslation();
  const login = useLogin();
  const [key, setKey] = useState("");
  const [error, setError] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const spent = useRef(false);

  const exchange = async (proof: { key: string } | { ticket: string }) => {
    setBusy(true);
    setError(null);
    try {
      await login(proof);
      onDone?.();
    } catch (failure) {
      const reason = failure instanceof Error ? failure.message : String(failure);
      setError("ticket" in proof ? t("login.ticketFailed", { why: reason }) : reason);
      setBusy(false);
    }
  };
  useEffect(() => {
    // A ticket is spent by the first who brings it, also in a page that is rendered twice.
    if (ticket === null || spent.current) return;
    spent.current = true;
    void exchange({ ticket });
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void exchange({ key: key.trim() });
  };

  return (
    <Center component="main" mih="100vh" p="md">
      <Paper withBorder p="lg" w="100%" maw={420}>
        <form onSubmit={submit}>
          <Stack>
            <Title order={1} size="h2">
              {t("product")}
            </Title>
            {why !== null && (
              <Alert variant="light" role="status" style={{ overflowWrap: "anywhere" }}>
                {why}
              </Alert>
            )}
            {isBusy && ticket !== null && key === "" && <Text role="status">{t("login.ticket")}</Text>}
            <PasswordInput
              label={t("login.key")}
              description={t("login.keyHint")}
              value={key}
              onChange={(event) => setKey(event.currentTarget.value)}
              autoComplete="off"
              name="key"
              required
            />
            {error !== null && (
              <Alert color="red" variant="light" role="alert" style={{ overflowWrap: "anywhere" }}>
                {error}
              </Alert>
            )}
            <Button type="submit" loading={isBusy}>
              {t("login.submit")}
            </Button>
            <Text size="sm" c="dimmed">
              {t("login.elsewhere")}
            </Text>
            <ThemeChoice />
            <LanguageChoice />
          </Stack>
        </form>
      </Paper>
    </Center>
  );
}
