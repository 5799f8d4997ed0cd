/** A workload's variables: names, and the values once somebody asks for them, where whoever looks has got them. */
import { Button, Code } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { NameText } from "../name-text.tsx";
import { Panel } from "../panel.tsx";
import { knownValues, type Variables } from "./known-values.ts";

export function VariablesText({ variables }: { variables: Variables }) {
  const { t } = useTranslation("workload");
  const [isShown, show] = useState(false);
  const known = knownValues(variables);
  const line = (name: string) => (isShown && Object.hasOwn(known, name) ? `${name}=${known[name]}` : name);
  const names = Object.keys(variables ?? {});
  if (names.length === 0) return null;
  return (
    <>
      <Code block data-variables style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
        <NameText>{names.map(line).join("\n")}</NameText>
      </Code>
      {Object.keys(known).length > 0 && (
        <Button variant="subtle" size="compact-sm" onClick={() => show(!isShown)}>
          {t(isShown ? "variables.hide" : "variables.show")}
        </Button>
      )}
    </>
  );
}

/** Nothing where there are none. */
export function VariablesPanel({ variables }: { variables: Variables }) {
  const { t } = useTranslation("workload");
  if (Object.keys(variables ?? {}).length === 0) return null;
  return (
    <Panel title={t("variables.title")}>
      <VariablesText variables={variables} />
    </Panel>
  );
}
