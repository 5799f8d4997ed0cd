/** The way in: a key is exchanged for a session, or the ticket of a link that came with the address. */
import { Alert, Button, Center, Paper, PasswordInput, Stack, Text, Title } from "@mantine/core";
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { thrownError } from "../api/thrown-error.ts";
import { LanguageChoice, ThemeChoice } from "./choices.tsx";
import { proofOf } from "../session/login-proof.ts";
import { EntryRefusal } from "./entry-refusal.tsx";
import { login, type LoginProof } from "../session/session.tsx";

interface LoginPageOf {
  ticket: string | null;
  /** Why somebody who was logged in comes here. */
  why?: ReactNode;
  onDone?: () => void;
  /** Whoever is logged in already, and may stay it. */
  staying?: { name: string; stay: () => void } | null;
  /** Of a session that is still there, though it opens nothing. */
  leave?: () => Promise<void>;
}

export function LoginPage({ ticket, why = null, onDone, staying = null, leave }: LoginPageOf) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const [error, setError] = useState<ReactNode>(null);
  const [isBusy, setBusy] = useState(false);
  const spent = useRef(false);
  const field = useRef<HTMLInputElement>(null);

  const attempt = async (act: () => Promise<void>) => {
    setBusy(true);
    setError(null);
    try {
      await act();
    } catch (failure) {
      setError(<EntryRefusal of={thrownError(failure)} />);
      setBusy(false);
      field.current?.focus();
    }
  };
  const exchange = (proof: LoginProof) =>
    attempt(async () => {
      await login(proof);
      onDone?.();
    });
  useEffect(() => {
    // A ticket is spent by the first who brings it, also in a page that is rendered twice.
    if (ticket === null || spent.current) return;
    spent.current = true;
    void exchange({ ticket });
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const proof = proofOf(typed);
    if (typeof proof === "object") return void exchange(proof);
    setError(t(`login.typed.${proof}`));
    return field.current?.focus();
  };

  return (
    <Center component="main" mih="100vh" p="md">
      <Paper withBorder p="lg" w="100%" maw={420}>
        <form onSubmit={submit} noValidate>
          <Stack>
            <Title order={1} size="h2">
              {t("product")}
            </Title>
            {why !== null && (
              <Alert variant="light" role="status" style={{ overflowWrap: "anywhere" }}>
                {why}
              </Alert>
            )}
            {isBusy && ticket !== null && typed === "" && <Text role="status">{t("login.ticket")}</Text>}
            <PasswordInput
              ref={field}
              label={t("login.key")}
              description={t("login.keyHint")}
              value={typed}
              onChange={(event) => setTyped(event.currentTarget.value)}
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
            {error !== null && staying !== null && (
              <Button variant="default" onClick={staying.stay}>
                {t("login.stay", { name: staying.name })}
              </Button>
            )}
            {leave !== undefined && (
              <Button variant="default" onClick={() => void attempt(leave)}>
                {t("account.logout")}
              </Button>
            )}
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
