import { describe, expect, it } from "vitest";
import { heldAs, heldMs } from "../src/lib/holds";

describe("how long a reading stands", () => {
  it("is written in the largest unit in which it is whole, and read back as it was", () => {
    for (const [hold_ms, amount, unit] of [[10_000, 10, "s"], [90_000, 90, "s"], [180_000, 3, "min"], [3_600_000, 1, "h"], [86_400_000, 24, "h"], [1500, 1.5, "s"]] as const) {
      expect(heldAs(hold_ms)).toEqual({ amount, unit });
      expect(heldMs(amount, unit)).toBe(hold_ms);
    }
  });

  it("is nothing that the server refuses", () => {
    for (const [amount, unit] of [[null, "s"], [0.9, "s"], [-3, "min"], [25, "h"], [1441, "min"], [NaN, "s"]] as const) {
      expect(heldMs(amount, unit)).toBeNull();
    }
  });
});
