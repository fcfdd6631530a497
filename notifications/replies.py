"""What a text that came in means: keywords, stop in people's own words, a call for help. PURE."""

import re
import unicodedata

from notifications.danger import CALLS_FOR_HELP

# Keywords of the CTIA and of Twilio; a revocation may be said in any reasonable way
# (47 CFR 64.1200(a)(10)).
STOP = {
    "stop", "stopall", "stop all", "stop now", "stop it", "stop please", "please stop", "pls stop",
    "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "opt out", "remove", "remove me",
    "no mas", "alto", "parar", "basta",
}  # fmt: skip
START = {"start", "unstop"}
HELP = {"help", "info", "ayuda"}
TOLD = ("stop", "start", "help")  # what Twilio itself may have understood
_ANY = (
    r"(?: (?:me|us|to|all|any|more|the|these|those|this|my|your|get|getting|receive|receiving"
    r"|sending|text))*"
)
_TEXTS = rf"{_ANY} (?:texts|texting|messages|messaging|sms|reminders|notifications)\b"
# Of one sentence. Who asks for something else to stop, or to stop somewhere, wants no end of texts.
SAYS_STOP = re.compile(
    r"(?:^|\b(?:please|pls) )stop\b(?! (?:by|at|in|on|near|here|there|outside|before|after|sign"
    r"|light|taking|the|my|your)\b)"
    rf"|\b(?:stop|quit|end|cancel){_TEXTS}|\bstop contacting\b"
    r"|\b(?:stop|quit) (?:sending|getting|receiving)(?: me| us)? (?:these|those|them|anything)\b"
    rf"|\b(?:do not|dont|never) (?:(?:want|need|like|send){_TEXTS}"
    r"|send(?: me| us)? (?:these|those|anything)\b|(?:text|message|contact)\b)"
    rf"|\bno more{_TEXTS}|\bwant no{_TEXTS}"
    rf"|^(?:please |pls )?no{_TEXTS}(?: (?:please|pls|thanks|thank you|any ?more))*$"
    r"|\b(?:unsubscribe|opt me out|opt out|leave me alone|take me off|remove me"
    r"|wrong (?:number|person)|numero equivocado|no mas|no me (?:envien?|manden?|escriban?)"
    r"|dej(?:a|e|en) de (?:enviar|mandar|escribir)(?:me)?)\b"
)

ANSWERS = {
    "c": "confirm", "confirm": "confirm", "confirmed": "confirm", "r": "change",
    "reschedule": "change", "1": "first", "2": "second",
}  # fmt: skip
CHOICES = ("first", "second")


def answer(body: str) -> str:
    """What answers a question of ours: ``confirm``, ``change``, ``first``, ``second``, or empty."""
    return ANSWERS.get(_words(_folded(body)), "")


def calls_for_help(body: str) -> bool:
    """Whether somebody may be in danger, and must be answered and called at any hour."""
    folded = _folded(body)
    # Also across its stops: "I just want to... die".
    return any(CALLS_FOR_HELP.search(_words(s)) for s in (*_sentences(folded), folded))


def meaning(body: str) -> tuple[str, bool]:
    """``stop``, ``start``, ``help`` or ``other``, and whether a human must read it as well.

    When in doubt it is stop, never start; and what is more than a keyword may hold a question. Who
    says that the number is wrong gets no more texts either (T33).
    """
    folded = _folded(body)
    for meant, keywords in (("stop", STOP), ("start", START), ("help", HELP)):
        if _words(folded) in keywords:
            return meant, False
    stops = any(SAYS_STOP.search(_words(s)) for s in _sentences(folded))
    return ("stop" if stops else "other"), True


def _folded(body: str) -> str:
    plain = unicodedata.normalize("NFKD", body).encode("ascii", "ignore").decode().lower()
    return plain.replace("'", "")


def _sentences(folded: str) -> list[str]:
    return re.split(r"[.!?;\n]", folded)


def _words(text: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9 ]", " ", text).split())
