import { NotAllowed, Refused } from "./api";
import { t } from "./i18n.svelte";

/** Why a change was not made, for people. */
export function whyNot(error: unknown): string {
  if (error instanceof Refused) return error.message;
  return error instanceof NotAllowed ? t("meters.not-allowed") : t("meters.no-answer");
}
