"""What a text that came in means: keywords, stop in people's own words, a call for help. PURE."""

import re
import unicodedata

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
    rf"|\b(?:do not|dont|don t|never) (?:(?:want|need|like|send){_TEXTS}"
    r"|send(?: me| us)? (?:these|those|anything)\b|(?:text|message|contact)\b)"
    rf"|\bno more{_TEXTS}|\bwant no{_TEXTS}"
    rf"|^(?:please |pls )?no{_TEXTS}(?: (?:please|pls|thanks|thank you|any ?more))*$"
    r"|\b(?:unsubscribe|opt me out|opt out|leave me alone|take me off|remove me"
    r"|wrong (?:number|person)|numero equivocado|no mas|no me (?:envien?|manden?|escriban?)"
    r"|dej(?:a|e|en) de (?:enviar|mandar|escribir)(?:me)?)\b"
)

# Words of somebody in danger, kept here and nowhere else. In doubt it is a call for help: an answer
# too many does no harm. What people only say so ("dying to see you") is none.
_SAID_SO = r"(?! (?:to|for|if|of|from|here|over|laughing|by|at|when)\b)"
_WILL = r"(?:want to|wanna|wish to|going to|gonna|about to|might|will|ready to|try to|tried to)"
_SELF = r"my ?self\b"
DANGER = (
    r"\b(?:want to|wanna|ready to|let me|hope i|wish i could|rather) (?:just )?(?:die|be dead)\b",
    rf"\bi (?:am|m) (?:going to|gonna) die\b{_SAID_SO}",
    rf"\bi ?(?:am|m) dying\b{_SAID_SO}",
    rf"\b(?:kill|shoot|hang|drown|poison)(?:ing)? {_SELF}",
    rf"\b(?:cutting|hurting|harming) {_SELF}",
    rf"\b{_WILL} (?:just )?(?:cut|hurt|harm) {_SELF}",
    r"\bself harm",
    r"\bsuicid",
    r"\b(?:end|ending|take|taking) my (?:own )?life\b",
    r"\bend it all\b",
    r"\b(?:better off|wish i (?:was|were)) dead\b",
    r"\bno (?:reason|point) (?:(?:to|in) )?liv(?:e|ing)\b",
    r"\bcan ?(?:t|not) go on(?: like this| any ?more| living)?$",
    r"\b(?:do not|dont|don t) want to (?:live|be alive|wake up|be here any ?more)\b",
    rf"\b{_WILL} kill (?:him|her|them|you|someone|somebody|everyone|everybody|people)\b",
    r"\b(?:can ?t|can ?not|unable to|hard to|hardly|barely|struggling to) breathe?\b",
    r"\b(?:trouble|difficulty|not|stopped|problems) breathing\b",
    r"\bshort(?:ness)? of breath\b",
    r"\bchest (?:pains?|hurts)\b",
    r"\bpains? in (?:my|the|his|her) chest\b",
    r"\boverdos",
    r"\btook (?:too many|all (?:of )?(?:my|the)) (?:pills|tablets|meds|medication|of)\b",
    r"\b(?:having|had) a (?:heart attack|stroke|seizure)\b",
    r"\b(?:he|she|they) (?:won ?t|will not) wake up\b",
    r"\b(?:unconscious|unresponsive|passed out|passing out)\b",
    r"\b(?:need|call|send) an ambulance\b",
    r"\b(?:call|called|calling) 911\b",
    r"\b(?:is|it s|its|this|medical|an) emergency$",
    r"\b(?:quiero|quisiera|deseo) (?:morir|matarme|desaparecer)",
    r"\bme (?:quiero|voy a) (?:morir|matar)\b",
    r"\bmatarme\b",
    r"\bno quiero (?:vivir|seguir viviendo)\b",
    r"\b(?:quitarme|acabar con|terminar con) (?:la|mi) vida\b",
    r"\b(?:hacerme dano|lastimarme|cortarme las venas)\b",
    r"\bno (?:puedo|puede) respirar\b|\bno respira\b",
    r"\b(?:cuesta respirar|falta el aire)\b",
    r"\bdolor (?:de|en el|en mi) pecho\b|\bduele el pecho\b",
    r"\bsobredosis\b",
    r"\bme (?:estoy muriendo|muero)\b(?! (?:de|por)\b)",
    r"\bes una emergencia\b|\bambulancia\b",
)
CALLS_FOR_HELP = re.compile("|".join(DANGER))

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
    return any(CALLS_FOR_HELP.search(_words(s)) for s in _sentences(_folded(body)))


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
    return unicodedata.normalize("NFKD", body).encode("ascii", "ignore").decode().lower()


def _sentences(folded: str) -> list[str]:
    return re.split(r"[.!?;\n]", folded)


def _words(text: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9 ]", " ", text).split())
