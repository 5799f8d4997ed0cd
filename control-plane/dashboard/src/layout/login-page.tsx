/** The way in: single sign-on where it is set, a key that is exchanged for a session, or what came with the address. */
import { Alert, Button, Center, Paper, PasswordInput, Stack, Text, Title } from "@mantine/core";
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { thrownError } from "../api/thrown-error.ts";
import { LanguageChoice, ThemeChoice } from "./choices.tsx";
import type { Arrival } from "../session/arrival.ts";
import { proofOf } from "../session/login-proof.ts";
import { EntryRefusal } from "./entry-refusal.tsx";
import { login, type LoginProof } from "../session/session.tsx";
import { SignOn, SignOnRefusal } from "./sign-on.tsx";

interface LoginPageOf {
  arrival?: Arrival | null;
  /** Why somebody who was logged in comes here. */
  why?: ReactNode;
  /** With the page to go on at, where a login began at one. */
  onDone?: (returnTo: string | null) => void;
  /** Whoever is logged in already, and may stay it. */
  staying?: { name: string; stay: () => void } | null;
  /** Of a session that is still there, though it opens nothing. */
  leave?: () => Promise<void>;
}

export function LoginPage({ arrival = null, why = null, onDone, staying = null, leave }: LoginPageOf) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const [error, setError] = useState<ReactNode>(
    arrival?.kind === "refused" ? <SignOnRefusal code={arrival.code} /> : null,
  );
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
      const returnTo = await login(proof);
      onDone?.(returnTo);
    });
  useEffect(() => {
    // It is spent by the first who brings it, also in a page that is rendered twice.
    const proof = proofIn(arrival);
    if (proof === null || spent.current) return;
    spent.current = true;
    void exchange(proof);
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
            {isBusy && proofIn(arrival) !== null && typed === "" && (
              <Text role="status">
                {t(arrival?.kind === "ticket" ? "login.ticket" : "login.signOn.busy")}
              </Text>
            )}
            <SignOn isInvited={arrival?.kind === "invited"} />
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
            {(error !== null || arrival?.kind === "invited") && staying !== null && (
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

/** What it logs in with by itself; null where somebody has to do something. */
function proofIn(arrival: Arrival | null): LoginProof | null {
  if (arrival?.kind === "ticket") return { ticket: arrival.ticket };
  return arrival?.kind === "answer" ? { answer: arrival.answer } : null;
}
