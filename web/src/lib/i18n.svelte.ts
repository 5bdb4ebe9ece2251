/** The language in use and its texts. All texts stand in src/chowon/i18n; their keys are checked by the compiler. */

import { dashboard as en } from "$texts/en.json";
import { dashboard as ko } from "$texts/ko.json";
import { particles, unparted, type Language } from "./format";
import { remembered } from "./remembered";
import type { Text } from "./types";

export type Key = keyof typeof ko;

const texts: Record<Language, Record<Key, string>> = { ko, en };

function initial(): Language {
  const kept = remembered.get("language");
  if (kept === "ko" || kept === "en") return kept;
  return navigator.language.toLowerCase().startsWith("ko") ? "ko" : "en";
}

let language = $state<Language>(initial());

export const i18n = {
  get language(): Language {
    return language;
  },
  use(next: Language): void {
    language = next;
    remembered.set("language", next);
  },
};

/** The text of this key with its {places} filled in. */
export function t(key: Key, places: Record<string, string | number> = {}): string {
  const text = texts[language][key].replace(/\{(\w+)\}/g, (whole, name: string) => String(places[name] ?? whole));
  return unparted(language === "ko" ? particles(text) : text);
}

/** A text that the API gives in both languages. */
export function said(text: Text): string {
  return text[language];
}
