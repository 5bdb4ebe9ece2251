"""What the server itself says to people."""

import pytest

from chowon import i18n
from chowon.domain.tariff import Text


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("rice_cooker", Text("전기밥솥", "Rice cooker")),
        ("할머니 포트", Text("할머니 포트", "할머니 포트")),
    ],
)
def test_an_appliance_goes_by_what_people_call_it_and_one_not_in_the_list_by_its_name(name, called):
    assert i18n.appliance(name) == called


def test_a_text_has_its_places_filled_in_in_both_languages():
    told = i18n.said("scan.connect", {"where": "192.0.2.7"})
    assert isinstance(told, Text)
    assert told.to("ko") != told.to("en")
    assert all("192.0.2.7" in words for words in (told.ko, told.en))
