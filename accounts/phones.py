"""Telephone numbers that can be texted: geographic numbers of the United States. PURE."""

import phonenumbers
from phonenumbers import PhoneNumberType

TEXTABLE = {
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE,
}


def us_number(text: str) -> str | None:
    """``text`` as E.164, or None when it is no geographic number of the United States.

    "+1" alone is not the United States: twenty-odd other countries share it, at other prices.
    """
    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        return None
    known = (
        number.country_code == 1
        and not number.extension
        and phonenumbers.is_valid_number_for_region(number, "US")
        and phonenumbers.number_type(number) in TEXTABLE
    )
    return (
        phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if known else None
    )
