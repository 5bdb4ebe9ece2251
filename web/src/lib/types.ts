/** What the API answers: docs/reference/api.md is the contract. Money and prices are exact decimal texts. */

export type Decimal = string;
export type Day = string;
export type Text = { ko: string; en: string };

export type Channel = { id: number; meter: string; key: string; role: string; hold_ms: number };

export type Site = {
  id: number;
  key: string;
  name: string;
  timezone: string;
  currency: string;
  tariff: { id: string; name: Text };
  reading_day: number;
  channels: Channel[];
};

export type Tier = { upto_kwh: number | null; energy_price: Decimal };

export type TierState = {
  index: number;
  count: number;
  from_kwh: number;
  to_kwh: number | null;
  distance_kwh: number | null;
  /** What entering the next tier adds to the fixed charge at once, before taxes. */
  base_jump: Decimal | null;
  tiers: Tier[];
};

export type Today = {
  day: Day;
  from_ms: number;
  kwh: number | null;
  cost: Decimal | null;
  coverage: number | null;
  yesterday_kwh: number | null;
};

export type PeriodSoFar = {
  start: Day;
  end: Day;
  from_ms: number;
  to_ms: number;
  kwh: number | null;
  cost: Decimal | null;
  coverage: number | null;
};

export type NowState = {
  site: number;
  time_ms: number;
  currency: string;
  power_w: number | null;
  voltage_v: number | null;
  last_seen_ms: number | null;
  stale: boolean;
  gap: boolean;
  cost_per_hour: Decimal | null;
  marginal_price: Decimal | null;
  energy_price: Decimal | null;
  today: Today | null;
  period: PeriodSoFar | null;
  tier: TierState | null;
};

/** [time, ms UTC; power, W] */
export type Sample = [number, number | null];

export type Snapshot = {
  type: "snapshot";
  seq: number;
  now: NowState;
  recent: { time_ms: number[]; power_w: (number | null)[] };
};
export type Delta = { type: "delta"; seq: number; now?: Partial<NowState>; samples?: Sample[] };
export type LiveMessage = Snapshot | Delta;

export type BillPart = {
  label: Text;
  quantity: Decimal;
  unit: string;
  price: Decimal;
  amount: Decimal;
  from: Day | null;
  source: string | null;
  segment: { start: Day; end: Day; days: number } | null;
};

export type BillLine = {
  id: string;
  label: Text;
  amount: Decimal;
  rounding: Text | null;
  parts: BillPart[];
};

/** A named sum of the first `after` lines; it is not added again. */
export type Subtotal = { id: string; label: Text; amount: Decimal; after: number };

export type BillDay = {
  day: Day;
  kwh: number | null;
  total_kwh: number | null;
  total: Decimal | null;
  coverage: number;
};

export type Bill = {
  site: number;
  currency: string;
  tariff: { id: string; name: Text };
  period: { start: Day; end: Day; from_ms: number; to_ms: number; days: number; closed: boolean };
  usage: { kwh: number; billed_kwh: Decimal; coverage: number; missing_ms: number; until_ms: number };
  total: Decimal;
  marginal_price: Decimal | null;
  lines: BillLine[];
  subtotals: Subtotal[];
  tier: TierState | null;
  days: BillDay[];
};
