/** What a record is of, in words; what the old system called otherwise keeps its word. */
import { useTranslation } from "react-i18next";

const TYPES = ["environment", "training", "inference", "storage"] as const;

interface Typed {
  resource_type: string;
  legacy_resource_type: string | null;
}

export function useTypeWord(): (one: Typed) => string {
  const { t } = useTranslation("billing");
  return ({ resource_type: type, legacy_resource_type: old }) => {
    const known = TYPES.find((one) => one === type);
    return known === undefined ? (old ?? type) : t(`type.${known}`);
  };
}
