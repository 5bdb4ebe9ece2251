import { NotAllowed, Refused } from "./api";
import { t, type Key } from "./i18n.svelte";

/** Why a change was not made, for people. needs: the text that says which token may. */
export function whyNot(error: unknown, needs: Key = "meters.not-allowed"): string {
  if (error instanceof Refused) return error.message;
  return error instanceof NotAllowed ? t(needs) : t("meters.no-answer");
}
