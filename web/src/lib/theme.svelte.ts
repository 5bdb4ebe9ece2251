/** Light, dark, or as the device is set; remembered. */

import { remembered } from "./remembered";

export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const kept = remembered.get("theme");
let theme = $state<Theme>(kept === "light" || kept === "dark" ? kept : "auto");
let dark = $state(false);

const device = matchMedia("(prefers-color-scheme: dark)");

function show(): void {
  if (theme === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
  dark = theme === "dark" || (theme === "auto" && device.matches);
}
device.addEventListener("change", show);
show();

export const themes = {
  get chosen(): Theme {
    return theme;
  },
  /** What is on the screen: for what is drawn with colours read from the page. */
  get dark(): boolean {
    return dark;
  },
  use(next: Theme): void {
    theme = next;
    remembered.set("theme", next === "auto" ? null : next);
    show();
  },
};
