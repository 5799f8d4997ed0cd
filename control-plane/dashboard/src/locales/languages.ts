/** The languages: chosen by a person, kept in the browser, else the browser's own. */
import type { Piece } from "@remotegpu/shared/reasons/wording";
import i18next, { type BackendModule } from "i18next";
import { initReactI18next } from "react-i18next";
import { isolated } from "./isolated.ts";
import { type Namespace, NAMESPACES } from "./namespaces.ts";
import type { TermKind } from "./terms.ts";

export const LANGUAGES = { en: "English", zh: "中文" } as const;
export type Language = keyof typeof LANGUAGES;
const STORED_AS = "remotegpu-language";

type LocaleOf<N extends Namespace> = Awaited<ReturnType<(typeof NAMESPACES)[N]["en"]>>["default"];

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "frame";
    resources: { [N in Namespace]: LocaleOf<N> };
  }
}

const backend: BackendModule = {
  type: "backend",
  init: () => undefined,
  read(language, namespace, callback) {
    const words = NAMESPACES[namespace as Namespace][language as Language];
    Promise.all([words(), language === "zh" ? loadCatalogue() : null]).then(
      ([module]) => callback(null, module.default),
      (error: unknown) => callback(error as Error, null),
    );
  },
};

/** Reasons and terms in Chinese; whoever reads English has their text with each answer. */
let chinese: Awaited<ReturnType<typeof loadChinese>> | null = null;

async function loadChinese() {
  const [{ inChinese }, { chineseTerm }] = await Promise.all([
    import("@remotegpu/control-plane/server/core/reasons/chinese/in-chinese"),
    import("./terms.ts"),
  ]);
  return { inChinese, chineseTerm };
}

async function loadCatalogue(): Promise<void> {
  chinese ??= await loadChinese();
}

/** A word by which the API names a kind, in the language of the page; null where it has no word for it. */
export function termOf(kind: TermKind, word: string): string | null {
  return chinese?.chineseTerm(kind, word) ?? null;
}

/** A reason as the API answers it; null where it has none. */
interface ReasonAnswer {
  readonly code: string | null;
  readonly params: Readonly<Record<string, unknown>> | null;
}

/** A reason in the language of the page; null where it has no words for it. */
export function wordingOfReason({ code, params }: ReasonAnswer): Piece[] | null {
  if (code === null || params === null) return null;
  return chinese?.inChinese({ code, params }) ?? null;
}

export async function startLocales(): Promise<void> {
  i18next.on(
    "languageChanged",
    (language) => (document.documentElement.lang = language === "zh" ? "zh-CN" : "en"),
  );
  await i18next
    .use(backend)
    .use(initReactI18next)
    .init({
      lng: storedLanguage() ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en"),
      fallbackLng: false,
      supportedLngs: Object.keys(LANGUAGES),
      ns: ["frame", "parts"],
      defaultNS: "frame",
      // React writes text as text; but a name may turn the sentence that it stands in.
      interpolation: { escape: isolated },
      react: { useSuspense: false },
    });
}

export async function loadLocale(namespaces: Namespace | readonly Namespace[]): Promise<void> {
  await i18next.loadNamespaces(namespaces);
}

export async function speak(language: Language): Promise<void> {
  localStorage.setItem(STORED_AS, language);
  await i18next.changeLanguage(language);
}

function storedLanguage(): Language | null {
  const stored = localStorage.getItem(STORED_AS);
  return stored === "en" || stored === "zh" ? stored : null;
}
