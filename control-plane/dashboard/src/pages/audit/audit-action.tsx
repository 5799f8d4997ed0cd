/** What was requested, as the audit log names it: `environment.stop`. */
import { useTranslation } from "react-i18next";
import { NameText } from "../../components/text/name-text.tsx";
import { Term } from "../../components/text/term.tsx";

export function AuditAction({ children }: { children: string }) {
  const { i18n } = useTranslation();
  const [resource = "", action = ""] = children.split(".");
  if (i18n.language === "en" || action === "") return <NameText>{children}</NameText>;
  return (
    // Filters are built on the word itself.
    <span title={children}>
      <Term kind="resource">{resource}</Term> · <Term kind="action">{action}</Term>
    </span>
  );
}
