"""Words of somebody in danger, kept here and nowhere else. PURE.

A false alarm costs a call, a missed one perhaps a life: in doubt it is a call for help. What people
only say so ("dying to see you") is none. The words are looked for in small letters without accents,
apostrophes and signs: "Don't" is ``dont``. Each group says what it is about; a new phrase belongs
to one of them, and to the tests.
"""

import re

_CANT = r"(?:cant|cannot|can not|couldnt|unable to)"
_NO_WISH = r"(?:do not|dont|never|no longer|not) (?:really |even )?(?:want to|wanna|wish to)"
_WISH = (
    r"(?:want(?:ed)? to|wanna|wish to|going to|gonna|about to|might|will|should|ready to|try to"
    r"|tried to|need to|have to)(?: just| really)?"
)
_THINKS = r"think(?:ing)? (?:of|about)"
_SELF = r"my ?self\b"
_KIN = (
    r"(?:husband|wife|partner|boyfriend|girlfriend|mother|mom|mum|father|dad|son|daughter|child"
    r"|kids?|children|baby|brother|sister|family|friend|roommate|grandmother|grandfather|neighbou?r"
    r"|boss)"
)
_THEY = rf"(?:he|she|they|hes|shes|theyre|(?:my )?{_KIN})(?: is| are)?"
_SOMEBODY = (
    rf"(?:him|her|them|you|someone|somebody|every(?:one|body)|people|(?:my|your|his|her) {_KIN})"
)
_PILLS = (
    r"(?:pills?|tablets?|capsules?|meds?|medications?|medicines?|doses?|drugs|bottle"
    r"|pastillas|tabletas|capsulas|medicinas?|medicamentos?)"
)
_SAID_SO = (
    r"(?! (?:to|for (?:a|an|some|the|your|this)|laughing|over here"
    r"|(?:of|from|with) (?:laugh\w*|boredom|curiosity|embarrassment|hunger|thirst|heat))\b)"
)
_SE_DICE = r"(?! (?:por|de (?:la )?(?:risa|hambre|ganas|sueno|calor|frio|verguenza|sed))\b)"

DANGER = (
    # It says so itself.
    r"(?<!not an )(?<!no )(?<!non )\bemergency\b(?! (?:contact|phone|number|form|info|card|kit)\b)",
    r"\b(?:need|call|called|calling|send|get)(?: me)?(?: an| the)? (?:ambulance|paramedics|911)\b",
    r"^(?:please )?(?:someone |somebody )?help me(?: please| now)*$",
    r"(?<!no es una )(?<!contacto de )(?<!numero de )(?<!telefono de )\bemergencia\b",
    r"\b(?:ayuda urgente|urgente ayuda|auxilio|socorro|ayudenme|ambulancia|en peligro)\b",
    # No wish to live, or a wish to die.
    rf"\b{_WISH} (?:die|be dead)\b(?! my hair)",
    r"\b(?:let me|hope i|wish i could|rather) (?:just )?(?:die|be dead)\b(?! my hair)",
    r"\b(?:feel like|ready for) (?:dying|death|killing|ending)\b",
    rf"\b{_THINKS} (?:dying|death)\b",
    r"\b(?:better off|wish i (?:was|were)) dead\b",
    r"\bwish i (?:was|were|had|could)(?: have)? (?:never|not) (?:been )?(?:born|alive|exist\w*)\b",
    rf"\b{_NO_WISH} (?:live|be alive|exist|wake up|go on$|be (?:here|around)(?: any ?more|$))",
    r"\b(?:want to|wanna|wish i could)(?: just)? disappear\b",
    r"\b(?:not|isnt|nothing|no longer)(?: left)?(?: worth| to)? (?:living|live for|worth it$)",
    r"\blife (?:is not|isnt|is no longer) worth\b",
    r"\bno (?:reason|point|will) (?:(?:to|in) )?(?:live|living)\b",
    r"\b(?:tired|sick) of (?:living|life|being alive)\b",
    rf"\b{_CANT} (?:go on(?: like this| any ?more| living)?$|(?:do|take) (?:this|it) any ?more\b)",
    r"\bsui?[cs]id|\bunaliv",
    r"(?<!\d )\bkms\b",
    rf"\b(?:{_WISH} end|{_THINKS} ending) it\b|\bend(?:ing)? it all\b",
    r"\b(?:end|ending|take|taking) my (?:own )?life\b",
    rf"\b(?:kill|shoot|hang|drown|poison|stab|off|end|burn)(?:ing|ning)? {_SELF}",
    rf"\b(?:cutting|hurting|harming) {_SELF}|\b{_WISH} (?:cut|hurt|harm) {_SELF}",
    r"\bself harm",
    r"\b(?:cut|cutting|slit|slitting|slashed) (?:open )?my (?:wrists?|arms?|throat|veins?)\b",
    r"\b(?:quiero|quisiera|deseo|prefiero|ganas de) (?:morir|matarme|desaparecer)",
    r"\bme (?:quiero|voy a) (?:morir|matar)\b|\bmatarme\b|\bme siento morir\b",
    r"\bno quiero (?:vivir|existir|despertar|seguir (?:viviendo|asi)|seguir$)",
    r"\b(?:no tengo|sin) ganas de vivir\b|\bmejor (?:\w+ )?muert[oa]\b|\bno puedo mas\b",
    r"\b(?:quitarme|acabar con|terminar con) (?:todo|la vida|mi vida)\b",
    r"\b(?:hacerme dano|lastimarme|cortarme|(?:cortarme|corte) las venas)\b",
    # Dying.
    rf"\bi ?(?:am|m) (?:going to|gonna) die\b{_SAID_SO}",
    rf"\bi ?(?:am|m) dying\b{_SAID_SO}|\b{_THEY} dying\b{_SAID_SO}",
    rf"\bme (?:estoy muriendo|muero)\b{_SE_DICE}|\bse (?:esta muriendo|muere)\b",
    # Too much of something.
    r"\boverdos|\bsobredosis\b|\bpoisoned\b|\benvenen",
    r"\b(?:took|taken|swallowed|drank) (?:way )?too (?:much|many)(?! (?:time|photos|pictures)\b)",
    rf"\b(?:took|taken|swallowed|ate) (?:\w+ ){{0,4}}(?:bunch|handful|lot|whole|all)"
    rf"(?: \w+){{0,3}} {_PILLS}\b",
    r"\b(?:tom[eo]|tomado|trague) (?:\w+ )?(?:demasiad[oa]s?|much[oa]s|tod[oa]s)"
    rf"(?: \w+)? {_PILLS}\b",
    # Heart and breath.
    r"(?<!me a )\bheart attack\b|\bcardiac arrest\b|\bheart (?:has )?stopped\b",
    r"\bchest (?:pains?|hurts?|tightness|pressure|(?:is|feels) (?:\w+ )?(?:tight|heavy|hurting))",
    r"\b(?:pains?|pressure|tightness|tight) (?:in|on) (?:my|the|his|her) chest\b|\btight chest\b",
    rf"\b(?:{_CANT}|hard to|hardly|barely|struggling to) (?:\w+ )?(?:breathe?|swallow)\b",
    rf"\b{_CANT} (?:catch|get) (?:\w+ )?(?:breath|air)\b|\bgasping\b|\bshort(?:ness)? of breath\b",
    r"\b(?:trouble|difficulty|not|stopped|stops|problems?)(?: with)? breathing\b",
    r"\bchoking\b|\bsuffocat",
    r"\bthroat (?:is )?(?:closing|closed|swelling|swollen)\b|\ballergic reaction\b|\banaphyla",
    r"\bno (?:puedo|puede) respirar\b|\bno respira\b|\bcuesta respirar\b|\bfalta el aire\b",
    r"\b(?:estoy|esta) ahogando\b|\bme ahogo\b|\bse ahoga\b",
    r"\bdolor (?:de|en el|en mi) pecho\b|\bduele (?:\w+ ){0,2}(?:el|en el) pecho\b",
    r"\b(?:opresion|presion) en el pecho\b|\binfarto\b|\bataque (?:al corazon|cardiaco)\b",
    # Somebody lies there.
    r"\b(?:having|had|has) (?:a )?(?:stroke|seizures?)\b|\bseizing\b|\bconvuls|\bderrame\b",
    rf"\b{_THEY} (?:not|isnt|wont|will not|doesnt|cant) "
    r"(?:wak(?:e|ing) up|respond(?:ing)?|react(?:ing)?|mov(?:e|ing)|breath(?:e|ing))\b",
    rf"\b{_CANT} wake (?:him|her|them|(?:my )?{_KIN})\b|\bi {_CANT} move$",
    r"\b(?:collapsed|fainted|unconscious|unresponsive|passed out|passing out|blacked out)\b",
    r"\bno (?:se )?(?:despierta|reacciona|se mueve)\b|\b(?:el|ella) no responde\b|\bdesmay",
    r"\binconsciente\b",
    # Blood and weapons.
    r"\bbleeding (?:a lot|badly|heavily|out|everywhere|so much|to death)\b",
    r"\b(?:losing|lost) (?:\w+ ){0,3}blood\b",
    r"\b(?:cant|wont) stop (?:the )?bleeding\b|\bbleeding (?:wont|will not|doesnt) stop\b",
    r"\b(?:coughing|throwing|vomiting)(?: up)? blood\b|\bsangr(?:ando|a mucho)\b|\bmucha sangre\b",
    r"\b(?:have|has|got|holding|bought|with) (?:a|my|the|his|her) (?:loaded )?"
    r"(?:gun|pistol|rifle|shotgun|knife|noose|rope|razor)\b",
    r"\b(?:tengo|tiene) (?:una pistola|un arma|un cuchillo)\b",
    # Others, and not safe from oneself or from them.
    rf"\b{_WISH} (?:kill|hurt|harm|shoot|stab|strangle|attack) {_SOMEBODY}\b",
    rf"\b{_THEY} (?:going to|gonna|will|wants to|trying to) (?:kill|hurt|shoot|stab) (?:me|us)\b",
    rf"\b{_THEY} (?:killing|hurting|beating|hitting|attacking|choking) (?:me|us)\b",
    r"\bi ?(?:am|m) (?:not|never) (?:feeling )?safe\b|\b(?:dont|do not|not) feel(?:ing)? safe\b",
    r"\bfeel unsafe\b|\bno me siento segur[oa]\b",
    r"\bvoces (?:\w+ ){0,3}me dicen\b|\bvoices (?:\w+ ){0,3}tell(?:ing)? me\b",
    r"\b(?:voy a|quiero) (?:matar|hacerle dano)",
)  # fmt: skip
CALLS_FOR_HELP = re.compile("|".join(DANGER))
