/** What a comparison of tariffs says at a glance. */

import type { Language } from "./format";
import type { ComparedTariff } from "./types";

/** What the cheapest tariff costs less than the one in force, "0" if that is it; null without one in force. */
export function least(rows: readonly ComparedTariff[]): string | null {
  if (!rows.some(({ in_force }) => in_force)) return null;
  const cheapest = rows[0]?.difference ?? "0";
  return cheapest.startsWith("-") ? cheapest.slice(1) : "0";
}

/** The first rows, and the one in force wherever it stands. */
export function shown(rows: readonly ComparedTariff[], first: number): ComparedTariff[] {
  return rows.filter(({ in_force }, i) => in_force || i < first);
}

/** The options that tell this row from others of the same tariff, in its words; empty where the name is enough. */
export function telling(row: ComparedTariff, rows: readonly ComparedTariff[], language: Language): string {
  const alike = rows.filter(({ tariff }) => tariff.id === row.tariff.id);
  const differing = Object.keys(row.options).filter((name) => alike.some(({ options }) => options[name] !== row.options[name]));
  return differing
    .map((name) => {
      const words = row.option_words?.[name];
      return `${words?.label[language] ?? name}: ${words?.value[language] ?? row.options[name]}`;
    })
    .join(", ");
}
