"""What a text that came in means: the keywords, and stop in people's own words. PURE."""

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
SAYS_STOP = re.compile(
    r"^stop\b(?! by\b)|\b((please|pls) stop\b(?! by\b)"
    r"|stop (texting|messaging|sending|contacting|these|this|it|all|the texts?)"
    r"|unsubscribe|opt me out|opt out|leave me alone"
    r"|(do not|dont|don t|never) (text|message|contact|send)"
    r"|take me off|remove me|no more (texts?|messages?)|no me (envien?|manden?|escriban?)|no mas)\b"
)


def meaning(body: str) -> tuple[str, bool]:
    """``stop``, ``start``, ``help`` or ``other``, and whether a human must read it as well.

    When in doubt it is stop, never start; and what is more than a keyword may hold a question.
    """
    folded = unicodedata.normalize("NFKD", body).encode("ascii", "ignore").decode().lower()
    words = " ".join(re.sub(r"[^a-z0-9 ]", " ", folded).split())
    for meant, keywords in (("stop", STOP), ("start", START), ("help", HELP)):
        if words in keywords:
            return meant, False
    return ("stop" if SAYS_STOP.search(words) else "other"), True
