"""Why a site has no costs now, in the words of the people who look at it."""

from chowon.domain.bill import Prepared
from chowon.domain.bill.needs import needs_of
from chowon.domain.tariff import Text
from chowon.errors import ChowonError


def no_cost(prepared: Prepared, error: ChowonError) -> Text:
    """What is missing and what to do; for what nobody foresaw, the error's own words."""
    known = prepared.plans[0].meter.series
    missing = [name for name in needs_of(prepared.tariff, prepared.options).series if name not in known]
    if missing:
        names = ", ".join(missing)
        return Text(
            f"이 요금제는 시간별 가격({names})이 있어야 요금을 셈할 수 있어요. "
            "가격을 넣거나 이 집의 요금제를 바꿔 주세요.",
            f"This tariff needs the price of each hour ({names}) before it can tell costs. "
            "Supply the prices, or choose another tariff for this site.",
        )
    return Text(
        f"이 요금제로 지금 요금을 셈할 수 없어요: {error}", f"This tariff cannot tell costs now: {error}"
    )
