"""Addresses: what the ZIP table and the lines of an address mean; the pure function, whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patients.service_area import CENTRAL, EASTERN, SENTENCES, Place, place, zip_code
from patients.zip_table import KNOWN_ZONES, corrections, rows

TABLE = {row.postal_code: row for row in rows()}
SERVED = [row for row in TABLE.values() if row.state in ("FL", "NJ") and row.active]


def at(code: str, **address: str) -> Place:
    return place(TABLE.get(code), postal_code=code, **address)


# --- the table -------------------------------------------------------------------------------


def test_the_whole_table_is_decided_and_only_florida_and_new_jersey_are_served() -> None:
    for code, row in TABLE.items():
        told = at(code)
        expected = row.active and row.state in ("FL", "NJ") and row.kind != "MILITARY"
        assert told.served is expected, code
        assert told.detail == SENTENCES[told.code]
        if told.served:
            assert told.county in corrections()["counties"][row.state], code
            assert set(told.time_zones) <= {EASTERN, CENTRAL}
            assert told.time_zone in (*told.time_zones, None)
            assert (told.time_zone is None) == (code in ("32456", "32465"))


def test_every_other_state_territory_and_military_post_is_refused() -> None:
    elsewhere = [row for row in TABLE.values() if row.state not in ("FL", "NJ")]
    assert len({row.state for row in elsewhere}) >= 49 + 9
    codes = {at(row.postal_code).code for row in elsewhere}
    assert codes == {"out_of_area", "military", "inactive_zip"}


def test_all_88_counties_have_a_deliverable_zip_code() -> None:
    reached = {(row.state, at(row.postal_code).county) for row in SERVED if row.kind == "STANDARD"}
    names = corrections()["counties"]
    assert len(reached) == 67 + 21
    assert reached == {(state, name) for state in names for name in names[state]}


@pytest.mark.parametrize(
    ("code", "county"),
    [
        ("33106", "Miami-Dade"), ("33191", "Miami-Dade"), ("33192", "Miami-Dade"),
        ("33198", "Miami-Dade"), ("33206", "Miami-Dade"), ("34441", "Citrus"), ("08644", "Mercer"),
    ],
)  # fmt: skip
def test_a_blank_county_is_known(code: str, county: str) -> None:
    assert TABLE[code].counties[0] == county


def test_one_county_has_one_spelling() -> None:
    assert {c for row in SERVED for c in row.counties if c.lower() == "desoto"} == {"DeSoto"}


@pytest.mark.parametrize("code", ["09905", "09980", "09981", "09982", "09983", "09984", "34001"])
def test_a_post_of_the_army_is_not_new_jersey_or_florida(code: str) -> None:
    assert at(code).code == "military"


@pytest.mark.parametrize("code", ["33900", "32267", "33439", "33447", "33690", "07309", "08644"])
def test_a_zip_code_out_of_use_asks_to_check(code: str) -> None:
    assert at(code).code == "inactive_zip"


def test_how_many_are_out_of_use() -> None:
    out = [row.state for row in TABLE.values() if not row.active and row.kind != "MILITARY"]
    assert (out.count("FL"), out.count("NJ")) == (31, 10)


@pytest.mark.parametrize(
    ("code", "flag"),
    [
        ("33195", "reshipper"), ("33198", "reshipper"),
        ("32099", "no_zcta"), ("33730", "no_zcta"), ("07495", "no_zcta"), ("08899", "no_zcta"),
        ("32542", "base_access"), ("33621", "base_access"), ("08640", "base_access"),
        ("32611", "unique_zip"), ("08544", "unique_zip"),
        ("32830", "po_box_zip"), ("32410", "po_box_zip"),
    ],
)  # fmt: skip
def test_what_a_human_should_look_at_refuses_nobody(code: str, flag: str) -> None:
    told = at(code)
    assert told.served
    assert flag in told.review


@pytest.mark.parametrize("code", ["00000", "99999", "32999"])
def test_a_zip_code_that_does_not_exist(code: str) -> None:
    assert at(code).code == "unknown_zip"


# --- county and zone -------------------------------------------------------------------------


def test_mexico_beach_and_port_st_joe_share_a_zip_code_but_not_a_clock() -> None:
    """T3."""
    asked = at("32456", state="FL", city="Mexico Beach")
    assert (asked.served, asked.time_zone) == (True, None)
    assert sorted(asked.time_zones) == [CENTRAL, EASTERN]
    assert set(asked.counties) >= {"Gulf", "Bay", "Franklin"}
    assert at("32456", time_zone=CENTRAL).time_zone == CENTRAL
    assert at("32456", time_zone=EASTERN).time_zone == EASTERN
    assert at("32456", county="Bay").time_zone == CENTRAL
    assert at("32456", county="Franklin").time_zone == EASTERN
    assert at("32456", county="Bay", time_zone=EASTERN).code == "time_zone_mismatch"


def test_a_zip_code_in_several_counties_lets_one_choose() -> None:
    several = [row for row in SERVED if len(row.counties) > 1]
    assert len(several) > 190
    for row in several:
        for county in row.counties:
            assert at(row.postal_code, county=county).county == county
            assert at(row.postal_code, county=f"{county.upper()} COUNTY").county == county
    assert at("32501", county="Dade").code == "county_mismatch"
    for name in ("Saint Johns", "St. Johns", "St Johns County", "saint johns"):
        assert at("32080", county=name).county == "St. Johns"


def test_the_zone_of_a_zip_code_is_its_county_s() -> None:
    assert at("32501").time_zone == CENTRAL
    assert at("33101").time_zone == EASTERN
    assert at("07105").time_zone == EASTERN
    assert at("32501", time_zone=EASTERN).code == "time_zone_mismatch"
    assert at("07105", time_zone=CENTRAL).code == "time_zone_mismatch"


# --- state -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state", ["FL", "fl", " Fl ", "Florida", "FLORIDA", "F.L.", "Fla.", "ＦＬ"]
)
def test_a_state_may_be_written_in_many_ways(state: str) -> None:
    assert at("32501", state=state).served


@pytest.mark.parametrize("state", ["N.J.", "New Jersey", "n j", "NJ"])
def test_new_jersey_too(state: str) -> None:
    assert at("07105", state=state).served


@pytest.mark.parametrize(
    ("code", "state", "expected"),
    [
        ("32501", "NJ", "state_zip_mismatch"),  # T4
        ("07105", "FL", "state_zip_mismatch"),
        ("10001", "FL", "state_zip_mismatch"),
        ("10001", "NY", "out_of_area"),
        ("32501", "ZZ", "unknown_state"),
        ("32501", "Floridaa", "unknown_state"),
        ("32501", "AE", "military"),
        ("34001", "FL", "military"),
    ],
)
def test_state_and_zip_code_agree_or_nothing_is_guessed(
    code: str, state: str, expected: str
) -> None:
    assert at(code, state=state).code == expected


# --- the lines -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("PO Box 9", "po_box"),  # T5
        ("P.O. Box 9", "po_box"), ("p o box 9", "po_box"), ("POBox 9", "po_box"),
        ("P.O.B. 12", "po_box"), ("PO Drawer 3", "po_box"), ("Post Office Box 4", "po_box"),
        ("Postal Office Box 4", "po_box"), ("Post Box 4", "po_box"), ("Lock Box 7", "po_box"),
        ("Box 7", "po_box"), ("ＰＯ ＢＯＸ 9", "po_box"), ("P-O-Box 9", "po_box"),
        ("P.O.\u00a0Box 9", "po_box"), ("500 Harbor Blvd, PO Box 12", "po_box"),
        ("P O B O X 5", "po_box"), ("P0 Box 12", "po_box"), ("PO B0X 12", "po_box"),
        ("Postbox5", "po_box"), ("Postal Box 9", "po_box"), ("P.O. #12", "po_box"),
        ("PO 12", "po_box"), ("P.O. No. 12", "po_box"), ("Bx 12", "po_box"),
        ("P.O. Bx 12", "po_box"), ("Drawer 5", "po_box"), ("Caller Box 5", "po_box"),
        ("\u0420\u041e Box 9", "po_box"), ("\u0420.\u041e. \u0412\u043e\u0445 9", "po_box"),
        ("\u03a1\u039f Box 9", "po_box"), ("P.\u00d3. B\u00f3x 9", "po_box"),
        ("PO\u200bBox 9", "po_box"), ("P\u00adO B\u200dox 9", "po_box"),
        ("Rural Dreams PO Box 9", "po_box"), ("RR 2 Box 55 PO Box 9", "po_box"),
        ("PMB12", "pmb"), ("P.M.B. 12", "pmb"), ("500 Harbor Blvd P M B 12", "pmb"),
        ("Gen'l Delivery", "general_delivery"), ("Genl Delivery", "general_delivery"),
        ("General Delivery, Key West", "general_delivery"), ("Gen Delivery", "general_delivery"),
        ("PMB 12 500 Harbor Blvd", "pmb"), ("500 Harbor Blvd PMB 12", "pmb"),
        ("500 Harbor Blvd # 3 Private Mailbox 12", "pmb"),
        ("General Delivery", "general_delivery"), ("Gen. Delivery Key West", "general_delivery"),
        ("Gen Del", "general_delivery"),
        ("PSC 1234 Box 5678", "military"), ("CMR 450 Box 12", "military"),
        ("Unit 2050 Box 4190", "military"), ("APO AE 09012", "military"), ("FPO", "military"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["line1", "line2"])
def test_where_no_parcel_and_no_visit_arrives(line: str, expected: str, where: str) -> None:
    assert at("33101", **{where: line}).code == expected


@pytest.mark.parametrize(
    "line",
    [
        "12 Boxwood Ln", "7 Post Rd", "100 Poboy St", "9 Lockbourne Dr", "1 Generals Dr",
        "55 Unity Way", "4 Apollo Ct", "77 Pmberton St", "3 Drawer Ln", "1200 Box Car Rd",
        "12 PO St", "8 Delivery Rd", "5 Private Dr", "10 Unit Rd Unit 4",
        "General Del Rio Ave 5", "5 General Del Rio Ave", "5 Dpo Ln", "12 Unit 4 Box 9",
        "7 Po Box Rd", "500 Main St Box 4", "12 Boxer Ct", "6 Caller Ave", "12 Drawbridge Rd",
        "1 Bxyz Ln", "Apt 12 PO St", "100 Apo Way", "12 N P O St",
    ],
)  # fmt: skip
def test_streets_that_only_look_like_it(line: str) -> None:
    assert at("33101", line1=line).served


@pytest.mark.parametrize(
    "line",
    [
        "RR 2 Box 55", "Rural Route 2 Box 55", "HC 1 Box 7", "R.R. 2 Box 55", "RR2 Box55",
        "Rural Rt 2 Box 55", "RFD 2 Box 5", "R F D 2, Box 5", "RR #2 Box #55", "RT 2 Box 55",
        "Route 2 Box 55", "H.C. 1 Bx 7", "RR 2 Box 55A",
    ],
)  # fmt: skip
def test_a_rural_route_is_a_door_that_a_human_looks_at(line: str) -> None:
    told = at("32465", line1=line, city="Wewahitchka", time_zone=CENTRAL)
    assert told.served
    assert "rural_route" in told.review


def test_apo_as_a_city_is_military() -> None:
    assert at("33101", city="APO").code == "military"


@pytest.mark.parametrize(
    ("code", "city", "usual"),
    [
        ("32501", "Pensacola", True), ("32501", "PENSACOLA", True), ("32501", "Miami", False),
        ("32456", "Port St. Joe", True), ("32456", "Port Saint Joe", True),
        ("33901", "Ft Myers", True), ("33901", "Fort Myers", True),
    ],
)  # fmt: skip
def test_an_unusual_city_is_looked_at(code: str, city: str, usual: bool) -> None:
    told = at(code, city=city)
    assert told.served
    assert ("city_unusual" not in told.review) is usual


# --- any text --------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["32501", " 32501 ", "32501-1234"])
def test_a_zip_code_has_five_digits(text: str) -> None:
    assert zip_code(text) == "32501"


@given(st.text(max_size=20))
def test_what_is_no_zip_code_is_told(text: str) -> None:
    digits = text.strip()
    if len(digits) == 5 and digits.isascii() and digits.isdigit():
        assert zip_code(text) == digits
    elif len(digits) != 10:
        with pytest.raises(ValueError, match="five digits"):
            zip_code(text)


@given(
    line1=st.text(max_size=60),
    line2=st.text(max_size=60),
    city=st.text(max_size=30),
    state=st.text(min_size=1, max_size=12),
    county=st.text(max_size=30),
    row=st.sampled_from(sorted(TABLE)),
)
def test_whatever_is_typed_there_is_an_answer_with_a_sentence(
    line1: str, line2: str, city: str, state: str, county: str, row: str
) -> None:
    told = at(row, line1=line1, line2=line2, city=city, state=state, county=county)
    assert told.detail == SENTENCES[told.code]
    assert told.served == (told.code == "served")
    if told.served:
        assert told.state in ("FL", "NJ")


def test_every_zone_of_the_table_is_one_that_exists() -> None:
    """The package puts one ZIP code into the zone "Napakiak"; the clock there is Anchorage's."""
    table = {row.postal_code: row for row in rows()}
    assert table["99634"].time_zones == ("America/Anchorage",)
    for row in table.values():
        assert set(row.time_zones) <= KNOWN_ZONES, row
