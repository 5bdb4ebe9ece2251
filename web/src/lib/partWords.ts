/** What is on, in words. */

import type { Switch } from "../charts/switches";
import { joined, power, typicalPower } from "./format";
import { said, t } from "./i18n.svelte";
import { likeliest, sureness, type Item } from "./parts";
import type { Appliance, Guess, OpenRun, Suggestion, Text } from "./types";

/** "Kettle", "Kettle?", "Kettle / Iron?", or null where nothing is known. */
export function runName(run: Pick<OpenRun, "label" | "guesses" | "tie" | "suggested">): string | null {
  if (run.label) return said(run.label);
  const found = likeliest(run);
  return found.length ? `${found.map(({ label }) => said(label)).join(" / ")}?` : null;
}

/** null: nobody knows. */
export function itemName(item: Item): string | null {
  switch (item.kind) {
    case "always": return t("parts.always");
    case "rest": return t("parts.rest");
    case "given": return t("parts.given");
    case "metered": return item.name;
    case "running": return runName(item.run);
  }
}

/** Of a run that is over or of an appliance in a list: its name, what it may be, or what it typically takes. */
export function labelOrPower(
  { label, power_w, suggested }: { label: Text | null; power_w: number | null; suggested?: Suggestion | null },
): string {
  if (label) return said(label);
  if (suggested) return `${said(suggested.label)}?`;
  return power_w === null ? t("appliances.others") : t("appliances.unnamed", { power: joined(typicalPower(power_w)) });
}

export function signedPower(power_w: number, on = true): string {
  return `${on ? "+" : "−"}${joined(power(Math.abs(power_w)))}`;
}

export function switchWords({ label, guess, on }: Switch): string {
  const name = label ? said(label) : t("switched.something");
  if (guess) return t("switched.on.perhaps", { name });
  return on ? t("switched.on", { name }) : t("switched.off", { name });
}

export function sureWords(probability: number): string {
  const { word, of_ten } = sureness(probability);
  const words = {
    sure: () => t("parts.sure"), likely: () => t("parts.likely"), perhaps: () => t("parts.perhaps"), hardly: () => t("parts.hardly"),
  };
  return `${words[word]()} (${t("parts.of-ten", { count: of_ten })})`;
}

export function guessName({ appliance, label }: Guess, known: readonly Appliance[]): string {
  const found = known.find(({ id }) => id === appliance);
  return found || label ? labelOrPower({ label, power_w: found?.power_w ?? null }) : t("parts.unnamed");
}
