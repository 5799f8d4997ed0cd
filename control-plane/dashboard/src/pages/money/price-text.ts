/** "3.50 per hour" */
import { useTranslation } from "react-i18next";
import { pointsText } from "../../components/text/money.tsx";

export interface UnitPrice {
  unit_price: string;
  billing_unit: string;
}

export const UNITS = ["minute", "hour", "day"] as const;

export function usePriceText(): (price: UnitPrice) => string {
  const { t } = useTranslation("money");
  const words = usePriceWords();
  return (price) => t("prices.per", words(price));
}

/** A price as sentences name it. */
export function usePriceWords(): (price: UnitPrice) => { price: string; unit: string } {
  const { t } = useTranslation("money");
  return (one) => {
    const unit = UNITS.find((known) => known === one.billing_unit);
    return {
      price: pointsText(one.unit_price),
      unit: unit === undefined ? one.billing_unit : t(`prices.${unit}`),
    };
  };
}
