/** What a person chooses for this browser: the theme and the language. */
import { SegmentedControl, useMantineColorScheme } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { type Language, LANGUAGES, speak } from "../locales/languages.ts";

const THEMES = ["light", "dark", "auto"] as const;

export function ThemeChoice() {
  const { t } = useTranslation();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <SegmentedControl
      size="xs"
      fullWidth
      aria-label={t("theme.label")}
      value={colorScheme}
      onChange={(value) => setColorScheme(value)}
      data={THEMES.map((value) => ({ value, label: t(`theme.${value}`) }))}
    />
  );
}

export function LanguageChoice() {
  const { t, i18n } = useTranslation();
  return (
    <SegmentedControl
      size="xs"
      fullWidth
      aria-label={t("language.label")}
      value={i18n.language}
      onChange={(value) => void speak(value as Language)}
      data={Object.entries(LANGUAGES).map(([value, label]) => ({ value, label }))}
    />
  );
}
