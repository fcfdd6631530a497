"""What anybody may ask: the service area, plans, physicians, slots."""

from tests.conftest import Caller


def test_a_zip_code_tells_county_and_zone(outsider: Caller) -> None:
    told = outsider.get("service-area/", postal_code="32501").json()
    assert told["served"] is True
    assert (told["county"], told["time_zone"]) == ("Escambia", "America/Chicago")
