"""What a text that came in means: keywords, stop in people's own words, a call for help. PURE."""

import re
import unicodedata

from notifications.danger import CALLS_FOR_HELP

# Keywords of the CTIA and of Twilio; a revocation may be said in any reasonable way
# (47 CFR 64.1200(a)(10)).
STOP = {
    "stop", "stopall", "stop all", "stop now", "stop it", "stop please", "please stop", "pls stop",
    "s t o p", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "opt out", "remove",
    "remove me", "no mas", "alto", "parar", "basta",
}  # fmt: skip
# These, and the keywords with a polite word, may mean something else: texts end, and staff read it.
PERHAPS_STOP = {
    "no more", "not interested", "cancelar", "baja", "pare", "paren", "para", "detener",
    "detengase", "detenganse", "detengan",
}  # fmt: skip
POLITE = re.compile(r"\b(?:please|pls|thanks|thank you|now|ok|okay|hey|por favor|gracias)\b")
START = {"start", "unstop"}
HELP = {"help", "info", "ayuda"}
TOLD = ("stop", "start", "help")  # what Twilio itself may have understood
_ANY = (
    r"(?: (?:me|us|to|all|any|more|the|these|those|this|my|your|get|getting|receive|receiving"
    r"|sending|text))*"
)
_KINDS = r"(?:texts?|texting|messages?|messaging|sms|reminders|notifications)\b"
_TEXTS = rf"{_ANY} {_KINDS}"
_MENSAJES = r"(?:mensajes?|textos?|sms|recordatorios?|notificaciones)\b"
# Who wants somebody to stop by, at a place or at an hour, or to stop something else (a medication),
# wants no end of texts: they go on, and staff read it.
_ELSEWHERE = (
    r"(?! (?:by|near|outside|sign|light|taking|the|my)\b"
    r"| (?:at|before|after|in|on) (?:\d|noon|tomorrow|the\b|my\b|our\b|(?:mon|tues|wednes|thurs|fri"
    r"|satur|sun)day))"
)
# Of one sentence.
SAYS_STOP = re.compile(
    rf"(?:^|\b(?:please|pls|ok|okay|hey|said|just|text) )stop(?:all|p+)?\b{_ELSEWHERE}"
    rf"|\b(?:want|need|ask|asked|told) (?:you|u|it|this|these) (?:all )?to stop\b{_ELSEWHERE}"
    r"|\b(?:can|could|will|would) (?:you|u) stop(?: it| this| that| now)*$"
    rf"|\b(?:stop|quit|(?<!the )end|cancel){_TEXTS}|\bstop (?:my|the|these|your) \w+ {_KINDS}"
    r"|\bstop (?:contacting|spamming|bothering)\b"
    r"|\b(?:stop|quit) (?:sending|getting|receiving)(?: me| us)? (?:these|those|them|anything)\b"
    rf"|\b(?:do not|dont|never) (?:(?:want|need|like|wish|send){_TEXTS}"
    r"|send(?: me| us)? (?:these|those|anything)\b|(?:text|message|contact)\b"
    r"|want (?:any of )?(?:these|those|them|this)(?: any ?more)?$)"
    rf"|\bno more{_TEXTS}|\bwant no{_TEXTS}"
    rf"|^(?:please |pls )?no{_TEXTS}(?: (?:please|pls|thanks|thank you|any ?more))*$"
    r"|\b(?:unsubscribe|unsuscribe|opt me out|opt out|leave me alone|remove me"
    r"|take (?:me|my number|this number) off)\b"
    r"|\b(?:remove|delete|erase|lose|forget) (?:my|this)(?: phone| cell)? number\b"
    r"|\b(?:revoke|withdraw)(?: my)? consent\b"
    r"|\b(?:no mas|no me (?:envien?|manden?|escriban?|contacten?|molesten?))\b"
    r"|\bno (?:envien?|manden?|escriban?) (?:mas|nada)\b"
    rf"|\bno (?:quiero|deseo|necesito)(?: recibir| mas| sus| estos| los)* {_MENSAJES}"
    r"|\bdej(?:a|e|en) de (?:enviar|mandar|escribir|molestar|contactar)(?:me|nos)?\b"
    r"|\b(?:darme|dame|deme|denme) de baja\b"
    r"|\b(?:quiten?|saquen?|borren?|eliminen?)(?:me de| mi numero)\b"
)
WRONG_NUMBER = re.compile(r"\b(?:wrong (?:number|person)|numero equivocado)\b")

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
    bare = _words(POLITE.sub("", _words(folded)))
    # Also between commas: "Stop, my lawyer will call you".
    parts = (*_sentences(folded), *folded.split(","))
    stops = any(SAYS_STOP.search(_words(part)) for part in parts)
    stops = stops or bare in STOP | PERHAPS_STOP or is_wrong_number(body)
    return ("stop" if stops else "other"), True


def is_wrong_number(body: str) -> bool:
    """Whether somebody says that they are not whom we text."""
    return bool(WRONG_NUMBER.search(_words(_folded(body))))


def _folded(body: str) -> str:
    plain = unicodedata.normalize("NFKD", body).encode("ascii", "ignore").decode().lower()
    return plain.replace("'", "")


def _sentences(folded: str) -> list[str]:
    return re.split(r"[.!?;\n]", folded)


def _words(text: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9 ]", " ", text).split())
