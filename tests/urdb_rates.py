"""Rates as the URDB API answers them, of utilities that don't exist. Each call makes a fresh one."""

from typing import Any

Rate = dict[str, Any]
JAN_2024_S = 1_704_067_200
SUMMER = range(5, 9)
"""June to September, months from 0"""


def head(label: str, name: str) -> Rate:
    """What every rate has that doesn't change the bill."""
    return {
        "label": label,
        "uri": f"https://apps.openei.org/USURDB/rate/view/{label}",
        "approved": True,
        "is_default": False,
        "startdate": JAN_2024_S,
        "utility": "Prairie Light & Power",
        "eiaid": 99_999,
        "name": name,
        "sector": "Residential",
        "servicetype": "Bundled",
        "source": "https://prairie.example/tariffs.pdf",
        "country": "USA",
        "voltagecategory": "Secondary",
        "phasewiring": "Single Phase",
        "peakkwcapacitymax": 20,
        "demandunits": "kW",
        "supercedes": None,
    }


def every_hour(*periods: int) -> list[list[int]]:
    """12 months of 24 hours, each month in one period; one number stands for the whole year."""
    by_month = periods * 12 if len(periods) == 1 else periods
    return [[period] * 24 for period in by_month]


def by_season(winter: int, summer: int) -> tuple[int, ...]:
    """12 periods by month."""
    return tuple(summer if month in SUMMER else winter for month in range(12))


def flat() -> Rate:
    return head("aa01", "Residential Flat") | {
        "energyratestructure": [[{"rate": 0.0921, "adj": 0.0045, "unit": "kWh"}]],
        "energyweekdayschedule": every_hour(0),
        "energyweekendschedule": every_hour(0),
        "fixedchargefirstmeter": 14.5,
        "fixedchargeunits": "$/month",
        "mincharge": 0,
        "minchargeunits": "$/month",
    }


def tiered() -> Rate:
    """Two tiers in winter, three in summer, a fixed charge a day, a monthly minimum, a fuel adjustment."""
    return head("aa02", "Residential Tiered") | {
        "energyratestructure": [
            [{"max": 600, "rate": 0.08, "unit": "kWh"}, {"rate": 0.095, "unit": "kWh"}],
            [
                {"max": 500, "rate": 0.09, "adj": -0.001, "unit": "kWh"},
                {"max": 1000, "rate": 0.12, "unit": "kWh"},
                {"rate": 0.15, "unit": "kWh"},
            ],
        ],
        "energyweekdayschedule": every_hour(*by_season(0, 1)),
        "energyweekendschedule": every_hour(*by_season(0, 1)),
        "fueladjustmentsmonthly": [0.012, 0.012, 0.0118, *[0.0125] * 9],
        "fixedchargefirstmeter": 0.45,
        "fixedchargeunits": "$/day",
        "mincharge": 20,
        "minchargeunits": "$/month",
    }


def time_of_use(label: str = "aa03", name: str = "Residential Time of Use") -> Rate:
    """Summer weekdays 14–19 peak, 10–14 and 19–22 middle; winter weekdays 6–10 and 17–21 middle."""
    summer = [0] * 10 + [2] * 4 + [1] * 5 + [2] * 3 + [0] * 2
    winter = [0] * 6 + [3] * 4 + [0] * 7 + [3] * 4 + [0] * 3
    return head(label, name) | {
        "energyratestructure": [
            [{"rate": 0.07, "adj": 0.003, "unit": "kWh"}],
            [{"rate": 0.24, "adj": 0.003, "unit": "kWh"}],
            [{"rate": 0.13, "adj": 0.003, "unit": "kWh"}],
            [{"rate": 0.11, "adj": 0.003, "unit": "kWh"}],
        ],
        "energyweekdayschedule": [summer if month in SUMMER else winter for month in range(12)],
        "energyweekendschedule": every_hour(0),
        "fixedchargefirstmeter": 120,
        "fixedchargeunits": "$/year",
    }


def demand() -> Rate:
    """Time of use with a seasonal demand charge of the month and one of the summer's peak hours."""
    peak = [[1 if month in SUMMER and 12 <= hour < 20 else 0 for hour in range(24)] for month in range(12)]
    return time_of_use("aa04", "General Service Demand") | {
        "sector": "Commercial",
        "flatdemandstructure": [[{"rate": 4.5}], [{"rate": 6.25, "adj": 0.1}]],
        "flatdemandmonths": list(by_season(0, 1)),
        "flatdemandunit": "kW",
        "demandratestructure": [[{"rate": 0}], [{"rate": 9.75}]],
        "demandrateunit": "kW",
        "demandweekdayschedule": peak,
        "demandweekendschedule": every_hour(0),
        "demandwindow": 60,
        "demandratchetpercentage": [0] * 12,
        "lookbackPercent": 0,
        "lookbackMonths": [0] * 12,
        "fixedchargefirstmeter": 85,
        "fixedchargeeaaddl": 10,
        "fixedchargeunits": "$/month",
    }


def solar() -> Rate:
    """Time of use with a price for export by period."""
    rate = time_of_use("aa05", "Solar Export") | {"dgrules": "Net Billing Instantaneous"}
    for period, sell in enumerate((0.02, 0.09, 0.04, 0.03)):
        rate["energyratestructure"][period][0]["sell"] = sell
    return rate
