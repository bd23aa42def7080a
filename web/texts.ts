import { en, type Texts } from "./texts/en.ts";
import { ja } from "./texts/ja.ts";
import { zhHans } from "./texts/zh-hans.ts";
import { zhHant } from "./texts/zh-hant.ts";

export type { TextName, Texts } from "./texts/en.ts";

/** The languages of the web UI. `functions/routes/home.ts` negotiates them. */
const LANGUAGES = ["en", "ja", "zh-Hans", "zh-Hant"] as const;
export type Language = (typeof LANGUAGES)[number];

export const TEXTS: Readonly<Record<Language, Texts>> = { en, ja, "zh-Hans": zhHans, "zh-Hant": zhHant };

/** Replaces each `{name}` in `text` by its value. */
export function interpolate(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}

/** The language of an HTML `lang` attribute; English if it is unknown. */
export function languageOf(lang: string): Language {
  return LANGUAGES.find((language) => language === lang) ?? "en";
}
