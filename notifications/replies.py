"""What a text that came in means: the keywords, and stop in people's own words. PURE."""

import re
import unicodedata

# Keywords of the CTIA and of Twilio; a revocation may be said in any reasonable way
# (47 CFR 64.1200(a)(10)).
STOP = {
    "stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "opt out",
    "remove", "remove me", "no mas", "alto", "parar", "basta",
}  # fmt: skip
START = {"start", "unstop"}
HELP = {"help", "info", "ayuda"}
SAYS_STOP = re.compile(
    r"\b(stop (texting|messaging|sending|contacting|these|this|it|the texts?)"
    r"|(please|pls) stop|stop please|unsubscribe|opt me out|opt out|leave me alone"
    r"|(do not|dont|don t|never) (text|message|contact|send)"
    r"|take me off|remove me|no more (texts?|messages?)|no me (envien?|manden?|escriban?)|no mas)\b"
)


def meaning(body: str) -> str:
    """``stop``, ``start``, ``help``, or ``other``. When in doubt it is stop, never start."""
    folded = unicodedata.normalize("NFKD", body).encode("ascii", "ignore").decode().lower()
    words = " ".join(re.sub(r"[^a-z0-9 ]", " ", folded).split())
    if words in STOP or SAYS_STOP.search(words):
        return "stop"
    if words in START:
        return "start"
    return "help" if words in HELP else "other"
