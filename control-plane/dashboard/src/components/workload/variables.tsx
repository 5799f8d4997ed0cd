/**
 * A workload's variables: names, and the values once somebody asks for them, who may read them. Each time that is a question
 * of its own, which the audit log notes; what is hidden again is forgotten.
 */
import { Button, Code, Text } from "@mantine/core";
import type { ApiRequest } from "@remotegpu/control-plane/client/api-request";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { thrownError } from "../../api/thrown-error.ts";
import { send } from "../../api/client.ts";
import { NameText } from "../text/name-text.tsx";
import { Failure, Panel } from "../page/panel.tsx";
import { knownValues, type Variables } from "./known-values.ts";

interface VariablesOf {
  variables: Variables;
  /** Its workload with the values, for who may read them. */
  request: ApiRequest<{ env_vars: Variables }>;
}

type View =
  | { state: "names" }
  | { state: "asked" }
  | { state: "values"; known: Record<string, string> }
  | { state: "failed"; why: Error };

export function VariablesText({ variables, request }: VariablesOf) {
  const { t } = useTranslation("workload");
  const [visible, setVisible] = useState<View>({ state: "names" });
  const names = Object.keys(variables ?? {});
  if (names.length === 0) return null;
  const known = visible.state === "values" ? visible.known : {};
  const line = (name: string) => (Object.hasOwn(known, name) ? `${name}=${known[name]}` : name);
  const show = async () => {
    setVisible({ state: "asked" });
    try {
      const answer = await send(request);
      setVisible({ state: "values", known: knownValues(answer.env_vars) });
    } catch (error) {
      setVisible({ state: "failed", why: thrownError(error) });
    }
  };
  const isVisible = visible.state === "values";
  return (
    <>
      <Code block data-variables style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
        <NameText>{names.map(line).join("\n")}</NameText>
      </Code>
      <Button
        variant="subtle"
        size="compact-sm"
        loading={visible.state === "asked"}
        onClick={() => (isVisible ? setVisible({ state: "names" }) : void show())}
      >
        {t(isVisible ? "variables.hide" : "variables.show")}
      </Button>
      {isVisible && Object.keys(known).length === 0 && (
        <Text size="sm" c="dimmed">
          {t("variables.hidden")}
        </Text>
      )}
      {visible.state === "failed" && <Failure why={visible.why} isAct />}
    </>
  );
}

/** Nothing where there are none. */
export function VariablesPanel({ variables, request }: VariablesOf) {
  const { t } = useTranslation("workload");
  if (Object.keys(variables ?? {}).length === 0) return null;
  return (
    <Panel title={t("variables.title")}>
      <VariablesText variables={variables} request={request} />
    </Panel>
  );
}
