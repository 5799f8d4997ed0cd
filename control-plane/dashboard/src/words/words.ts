/** The languages: chosen by a person, kept in the browser, else the browser's own. */
import i18next, { type BackendModule } from "i18next";
import { initReactI18next } from "react-i18next";
import { type Namespace, NAMESPACES } from "./namespaces.ts";

export const LANGUAGES = { en: "English", zh: "中文" } as const;
export type Language = keyof typeof LANGUAGES;
const KEPT_AS = "remotegpu-language";

type WordsOf<N extends Namespace> = Awaited<ReturnType<(typeof NAMESPACES)[N]["en"]>>["default"];

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "frame";
    resources: { [N in Namespace]: WordsOf<N> };
  }
}

const backend: BackendModule = {
  type: "backend",
  init: () => undefined,
  read(language, namespace, callback) {
    const words = NAMESPACES[namespace as Namespace][language as Language];
    words().then(
      (module) => callback(null, module.default),
      (error: unknown) => callback(error as Error, null),
    );
  },
};

export async function startWords(): Promise<void> {
  i18next.on(
    "languageChanged",
    (language) => (document.documentElement.lang = language === "zh" ? "zh-CN" : "en"),
  );
  await i18next
    .use(backend)
    .use(initReactI18next)
    .init({
      lng: keptLanguage() ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en"),
      fallbackLng: false,
      supportedLngs: Object.keys(LANGUAGES),
      ns: ["frame", "parts"],
      defaultNS: "frame",
      // React writes text as text.
      interpolation: { escapeValue: false },
      react: { useSuspense: false },
    });
}

export async function loadWords(namespaces: Namespace | readonly Namespace[]): Promise<void> {
  await i18next.loadNamespaces(namespaces);
}

export async function speak(language: Language): Promise<void> {
  localStorage.setItem(KEPT_AS, language);
  await i18next.changeLanguage(language);
}

function keptLanguage(): Language | null {
  const kept = localStorage.getItem(KEPT_AS);
  return kept === "en" || kept === "zh" ? kept : null;
}
