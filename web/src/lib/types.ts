/** What the API answers: docs/reference/api.md is the contract. Money and prices are exact decimal texts. */

export type Decimal = string;
export type Day = string;
export type Text = { ko: string; en: string };

export type Channel = {
  id: number; meter: string; key: string; role: string;
  /** how long a reading stands at most, and who said so; recounting: its past is being counted with another one */
  hold_ms: number; hold_by: "default" | "learnt" | "person"; recounting: boolean;
};

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
  /** Why there are no costs, and what to do. */
  no_cost?: Text | null;
  /** What the mains power is made of; null where it is not told. Left out by servers that do not tell it. */
  parts?: Parts | null;
};

/** Likeliest first: perhaps this one. appliance and name are null for something never seen before. */
export type Guess = { appliance: number | null; name: string | null; label: Text | null; probability: number };

/** What a model takes something for that nobody has named. share: of the energy of its runs. */
export type Suggestion = { name: string; label: Text; share: number };

/** Something that switched on. since_ms names it. first_w: of its first edge. settled: it will not change or vanish. */
export type OpenRun = {
  since_ms: number;
  power_w: number;
  first_w: number;
  settled: boolean;
  appliance: number | null;
  /** What it is, where a person said so or it is sure enough to be called so. */
  label: Text | null;
  suggested: Suggestion | null;
  guesses: Guess[];
  tie: boolean;
  ask: boolean;
  cost_per_hour: Decimal | null;
  energy_wh: number;
  cost: Decimal | null;
};

/** power_w = always on + metered + running + rest − given. why: why nothing can be told; all is 0 then. */
export type Parts = {
  why: "silent" | "slow" | "learning" | null;
  time_ms: number;
  power_w: number;
  always_on_w: number;
  /** Hours of the last 24 that it is known from; of few it is an upper bound. */
  always_on_hours: number;
  rest_w: number;
  given_w: number;
  metered: { channel: number; name: string; power_w: number }[];
  running: OpenRun[];
  kinds: KindsNow | null;
};

/** What a model tells of one kind. power_w: in the newest interval. today: since local midnight. */
export type KindNow = { kind: string; label: Text; power_w: number; today_wh: number; today_minutes: number; today_cost: Decimal | null };

/** Kinds and rest are the mean power of the mains in the interval that ended at end_ms. */
export type KindsNow = { end_ms: number; step_ms: number; rest_w: number; kinds: KindNow[] };

/** W by minute, null where nothing was told. provisional: at once. settled: twenty minutes later. f1: how well, in other homes. */
export type KindOfDay = {
  kind: string;
  label: Text;
  f1: number;
  kwh: number;
  cost: Decimal | null;
  provisional_w: (number | null)[];
  settled_w: (number | null)[];
};
/** What a kind took on a day that is over: as it was told at once, twenty minutes later, and in the night. */
export type KindDay = { kind: string; kwh: { provisional: number | null; settled: number | null; nightly: number | null } };
export type PastDay = { date: Day; final: boolean; appliances: KindDay[] };
export type KindsOfDay = { from_ms: number; to_ms: number; step_ms: number; kinds: KindOfDay[] };

/** What a person saw: the kind ran then, or did not. told: whether the night tells it there; null while none has told that day. */
export type WitnessedRun = {
  id: number; kind: string; label: Text; start_ms: number; end_ms: number; ran: boolean; made_ms: number; told: boolean | null;
};
/** A kind that can be taught. ran: runs that people saw. needed: how many are missing until it is told here. told: now. */
export type WitnessedKind = { kind: string; label: Text; ran: number; needed: number; told: boolean };
/** runs: newest first. */
export type Witnessed = { site: number; runs: WitnessedRun[]; kinds: WitnessedKind[] };
/** In whole minutes. */
export type NewWitness = { kind: string; start_ms: number; end_ms: number; ran: boolean };

/** Runs that are alike. Several of one appliance were put together by a person. */
export type Cluster = { id: number; power_w: number; lasts_s: number; runs: number; last_ms: number };
export type Appliance = {
  id: number;
  /** What was given: a kind's id or a text of one's own. label: what to show. */
  name: string | null;
  label: Text | null;
  suggested: Suggestion | null;
  power_w: number;
  lasts_s: number;
  every_s: number | null;
  runs: number;
  kwh: number;
  last_ms: number;
  not_mine: boolean;
  worth_naming: boolean;
  clusters: Cluster[];
};
/** without: people said that there is none here. */
export type KindName = { name: string; label: Text; without: boolean };
export type KnownAppliances = { appliances: Appliance[]; names: KindName[] };

/** end_ms: null while it is on. ended: how its end is known. cost: at what the next kWh costs now. */
export type SeenRun = {
  since_ms: number;
  end_ms: number | null;
  appliance: number | null;
  name: string | null;
  label: Text | null;
  power_w: number;
  kwh: number;
  cost: Decimal | null;
  ended: "fall" | "together" | "unseen" | "gap" | "stayed" | null;
};
export type SeenRuns = { from_ms: number; to_ms: number; runs: SeenRun[] };

/** What a person says of something that switches. */
export type Tap =
  | { tap: "name"; appliance: number; name: string }
  | { tap: "name_run"; since_ms: number; name: string }
  | { tap: "not_this"; appliance: number; name: string }
  | { tap: "not_mine" | "mine"; appliance: number }
  | { tap: "merge"; appliance: number; other: number }
  | { tap: "split"; cluster: number };

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

/** The next tier at the pace so far. jump: what is added at once, all in. */
export type NextTier = { tier: number; at_kwh: Decimal; date: Day; at_ms: number; jump: Decimal; energy_price: Decimal };
/** The bill at the period's end at the pace so far. kwh_a_day: at most this, to stay below the next tier. */
export type Outlook = { kwh: number; total: Decimal; next_tier: NextTier | null; kwh_a_day: Decimal | null };
/** What the hours without readings would have used, and the bill with it. */
export type Estimate = { missing_kwh: number; total: Decimal };
export type BandUse = { band: string; label: Text; kwh: number; now?: boolean };

/** Fields with a question mark are left out by servers that do not know them yet. */
export type Bill = {
  site: number;
  currency: string;
  tariff: { id: string; name: Text };
  period: {
    start: Day; end: Day; from_ms: number; to_ms: number; days: number; closed: boolean;
    part_of?: { start: Day; end: Day } | null;
  };
  usage: { kwh: number; billed_kwh: Decimal; coverage: number; missing_ms: number; until_ms: number };
  total: Decimal;
  marginal_price: Decimal | null;
  energy_price?: Decimal | null;
  lines: BillLine[];
  subtotals: Subtotal[];
  /** What a reader must know of the prices, e.g. that some aren't known yet. */
  notes?: Text[];
  tier: TierState | null;
  days: BillDay[];
  /** null for a closed period; left out by servers that answer neither what-if nor comparison. */
  outlook?: Outlook | null;
  estimate?: Estimate | null;
  hours?: BandUse[] | null;
  past_demand?: { month: string; kw: Decimal; from: "recorded" | "measured" }[];
  /** Earlier reading months whose demand would count and is not known. */
  past_demand_unknown?: string[];
  carried?: { amount: Decimal; unit: string; from: "recorded" | "reckoned"; since: Day; left: Decimal } | null;
};

/** What no meter tells: what is written down, and what the tariff asks for in one period. */
export type Records = {
  past_demand: { month: string; kw: Decimal }[];
  carried: { start: Day; amount: Decimal }[];
  asks: {
    period: { start: Day; end: Day };
    past_demand: { month: string; start: Day; end: Day }[];
    /** The unit of what is carried; null where the tariff carries nothing. */
    carried: string | null;
    series: { series: string; kept_as: string; missing_ms: number; known_until_ms: number | null }[];
  } | null;
};

/** null takes a record away. */
export type RecordsChange = { past_demand?: Record<string, Decimal | null>; carried?: Record<Day, Decimal | null> };

export type ComparedTariff = {
  tariff: { id: string; name: Text };
  options: Record<string, string>;
  option_words?: Record<string, { label: Text; value: Text }>;
  in_force: boolean;
  total: Decimal;
  difference: Decimal;
};

/** The same use under several tariffs, cheapest first. */
export type Comparison = {
  period: { start: Day; end: Day; days: number };
  periods?: number;
  kwh: number;
  coverage: number;
  currency: string;
  rows: ComparedTariff[];
  left_out: { tariff: { id: string; name: Text }; why: Text }[];
};

export type WhatIf = {
  without_kwh?: number;
  solar?: { kwp: number; azimuth: number; tilt: number };
  battery?: { kwh: number; kw: number; efficiency: number; plan: "self_use" | "by_price" };
  ev?: { kwh_a_day: number; from: string; until: string; kw: number };
};

export type WhatIfAnswer = {
  now: { kwh: number; total: Decimal };
  then: { kwh: number; export_kwh?: number | null; total: Decimal };
  difference: Decimal;
  lines: { id: string; label: Text; now: Decimal; then: Decimal }[];
  assumes: Text[];
};

export type Rule = "average" | "marginal" | "shapley";
/** kwh: taken less given. amount: null where the rule has no share for it. error: of an estimate. */
export type Share = { label: Text; kwh: number; amount: Decimal | null; error: Decimal | null };
export type Run = { start_ms: number; end_ms: number; kwh: number; amount: Decimal };
/** The amounts of all runs and `between` add up to the part's. newest: the last of them, newest first. */
export type Runs = { count: number; amount: Decimal; each: Decimal | null; between: Decimal; newest: Run[] };
export type PartShare = Share & { part: string; source: "metered" | "detected"; coverage: number; f1: number | null; runs: Runs | null };

/** The amounts and `difference` add up to the total; it is 0 but for "marginal". */
export type SharedBill = {
  currency: string;
  /** days: that are over. */
  period: { start: Day; end: Day; closed: boolean; days: number };
  rule: Rule;
  method: "exact" | "estimated";
  kwh: number;
  total: Decimal;
  difference: Decimal;
  over_kwh: number;
  parts: PartShare[];
  rest: Share;
  /** Why no appliance could be told from the main meter. */
  untold: "off" | "slow" | "silent" | null;
  /** Kinds that the site has not, as its people said. */
  without: { kind: string; label: Text }[];
};
