/**
 * A workload's variables: names, and the values once somebody asks for them, who may read them. Each time that is a question
 * of its own, which the audit log notes; what is hidden again is forgotten.
 */
import { Button, Code, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ask } from "../../api/client.ts";
import { NameText } from "../name-text.tsx";
import { Failure, Panel } from "../panel.tsx";
import { knownValues, type Variables, withValues } from "./known-values.ts";

interface VariablesOf {
  variables: Variables;
  /** Of the workload, in the API. */
  path: string;
}

type Shown =
  | { state: "names" }
  | { state: "asked" }
  | { state: "values"; known: Record<string, string> }
  | { state: "failed"; why: Error };

export function VariablesText({ variables, path }: VariablesOf) {
  const { t } = useTranslation("workload");
  const [shown, setShown] = useState<Shown>({ state: "names" });
  const names = Object.keys(variables ?? {});
  if (names.length === 0) return null;
  const known = shown.state === "values" ? shown.known : {};
  const line = (name: string) => (Object.hasOwn(known, name) ? `${name}=${known[name]}` : name);
  const show = async () => {
    setShown({ state: "asked" });
    try {
      const answer = await ask<{ env_vars: Variables }>("GET", path, { query: withValues });
      setShown({ state: "values", known: knownValues(answer.env_vars) });
    } catch (error) {
      setShown({ state: "failed", why: error instanceof Error ? error : new Error(String(error)) });
    }
  };
  const isShown = shown.state === "values";
  return (
    <>
      <Code block data-variables style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
        <NameText>{names.map(line).join("\n")}</NameText>
      </Code>
      <Button
        variant="subtle"
        size="compact-sm"
        loading={shown.state === "asked"}
        onClick={() => (isShown ? setShown({ state: "names" }) : void show())}
      >
        {t(isShown ? "variables.hide" : "variables.show")}
      </Button>
      {isShown && Object.keys(known).length === 0 && (
        <Text size="sm" c="dimmed">
          {t("variables.hidden")}
        </Text>
      )}
      {shown.state === "failed" && <Failure why={shown.why} isAct />}
    </>
  );
}

/** Nothing where there are none. */
export function VariablesPanel({ variables, path }: VariablesOf) {
  const { t } = useTranslation("workload");
  if (Object.keys(variables ?? {}).length === 0) return null;
  return (
    <Panel title={t("variables.title")}>
      <VariablesText variables={variables} path={path} />
    </Panel>
  );
}
