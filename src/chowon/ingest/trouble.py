"""Why nothing comes from a meter on a cable or in the network: an id, and a text in both languages.

The texts stand in i18n under "cable.…"; the English one is the error's message.
"""

from chowon.domain.tariff import Text
from chowon.errors import ChowonError, ExtraMissing, MeterMisconfigured, MeterUnavailable
from chowon.i18n import said


class SourceTrouble(MeterUnavailable):
    """Nothing comes now; it may later. id: the text "cable.id" with its places."""

    def __init__(self, id_: str, **places: object) -> None:
        self.id, self.said = id_, said(f"cable.{id_}", places)
        super().__init__(self.said.en)


class SourceMisfit(MeterMisconfigured):
    """It answers, and is not what its settings say. id: the text "cable.id" with its places."""

    def __init__(self, id_: str, **places: object) -> None:
        self.id, self.said = id_, said(f"cable.{id_}", places)
        super().__init__(self.said.en)


def told(error: ChowonError) -> Text:
    """What the error says to people; its own message where there is no other text."""
    match error:
        case SourceTrouble() | SourceMisfit():
            return error.said
        case ExtraMissing():
            return said("cable.no_extra")
        case _:
            return Text(str(error), str(error))
