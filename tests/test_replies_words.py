"""What words mean: calls for help in English and Spanish, and what people only say so. PURE."""

import pytest

from notifications import replies


@pytest.mark.parametrize(
    "words",
    [
        "emergency", "EMERGENCY!! please help", "this is an emergency please call me",
        "I'm having an emergency and need help now", "emergencia", "es una emergencia por favor",
        "necesito ayuda urgente", "auxilio", "ayúdenme", "help me please",
        # no wish to live
        "I dont wanna live anymore", "i don't wanna be here anymore", "I no longer want to live",
        "I don't want to exist", "I do not want to wake up", "life is not worth living",
        "life isn't worth it", "I have nothing to live for", "tired of living",
        "I want to end it", "thinking of ending it", "I'm gonna end it tonight", "kms",
        "i wanna kms",
        "I should just die", "I just want to... die", "I'd rather be dead", "i feel like dying",
        "I want to be dead", "I wish I was never born", "I want to disappear",
        "im gonna off myself",
        "I can't do this anymore", "I can't stop thinking about death", "dont let me die",
        "thinking about ending my life", "I was going to unalive myself", "I'm hanging myself",
        "quiero acabar con todo", "ya no quiero vivir", "me siento morir", "no puedo más",
        "no tengo ganas de vivir", "mejor estaría muerta", "me muero de dolor",
        # dying
        "I am going to die if nobody comes", "I am dying from the pain", "I'm dying, help",
        "help me im dying of chest pain", "someone help me I'm dying", "he's dying",
        # too much of something
        "I took a bunch of pills", "I took too much medicine", "I took too much",
        "i swallowed a whole bottle of tablets", "I took all of my meds",
        "tomé demasiadas pastillas", "me tomé todas las pastillas",
        # heart and breath
        "heart attack", "I think it's a heart attack", "I can't catch my breath", "cant get air",
        "my chest is tight", "chest tightness", "my chest hurts so much", "he's choking",
        "my throat is closing", "allergic reaction", "I have trouble with breathing",
        "I can not breath", "gasping for air", "me duele mucho el pecho", "me estoy ahogando",
        "le está dando un infarto",
        # somebody lies there
        "she is not waking up", "she is not responding", "he collapsed", "my husband had a stroke",
        "he is having a seizure", "having seizures", "my wife isn't responding", "I can't wake him",
        "I can't move", "mi mamá no despierta", "se desmayó",
        # blood and weapons
        "I'm bleeding a lot", "the bleeding won't stop", "I cut my wrists", "I have a gun and",
        "I have a gun and I'm going to use it", "estoy sangrando", "tengo una pistola",
        # others, and not safe from oneself or them
        "I'm going to hurt her", "I might hurt someone", "I want to kill my husband",
        "he's going to kill me", "I'm not safe", "I am not safe with myself", "I do not feel safe",
        "I'm thinking of harming myself", "estoy en peligro",
    ],
)  # fmt: skip
def test_words_of_danger_in_plain_phrases_call_for_help(words: str) -> None:
    assert replies.calls_for_help(words)


@pytest.mark.parametrize(
    "words",
    [
        "who is my emergency contact", "my emergency contact has a new number", "not an emergency",
        "contacto de emergencia", "I'm dying to know", "dying for a coffee", "killing time",
        "it's only 5 kms away", "it took too much time", "is it not safe to drive?",
        "I can't move it to Monday", "the app is not responding", "I need to dye, die my hair",
        "you gave me a heart attack", "no estoy seguro", "me muero de hambre",
        "help me find the link",
        "How do I end my plan?", "I could not get a text", "can't do Monday", "I live here anyway",
        "does the link disappear?", "I took all the papers", "this is safe", "my chest of drawers",
        "I cut my hair", "the battery died",
    ],
)  # fmt: skip
def test_plain_phrases_without_danger_call_nobody(words: str) -> None:
    assert not replies.calls_for_help(words)


# --- no more texts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "STOP at once!", "Stop before I report you", "Stop here.", "Stop after this",
        "stop your spam", "no more text please", "Stop, my lawyer will call you",
        "ok stop", "I said stop", "hey stop", "I want you to stop", "can you stop", "Can you stop?",
        "could you please stop", "s.t.o.p", "S T O P", "stopp", "STOP!! I mean it",
        "stopall please", "cancel please", "Please cancel",
        "Text STOP", "END please", "please quit", "Please unsubscribe", "unsuscribe",
        "take my number off your list", "remove my number", "delete my number please",
        "remove this number from your list", "lose my number", "no more", "no more please",
        "I don't want these", "I don't want them anymore", "I do not wish to receive texts",
        "we do not wish to get messages", "not interested", "i revoke my consent", "revoke consent",
        "I withdraw my consent", "please stop my medication reminders",
        "no quiero mensajes", "ya no quiero mensajes", "no quiero recibir mas mensajes",
        "no deseo recibir más textos", "cancelar", "baja", "darme de baja",
        "dame de baja por favor",
        "quitenme de la lista", "sáquenme de su lista", "borren mi número", "pare",
        "pare por favor",
        "paren", "para por favor", "deténganse", "detener", "no envíen más",
        "no envien mas mensajes",
        "no me contacten",
        "no me contacten más", "no me molesten", "dejen de molestar",
        "dejen de mandarme mensajes",
    ],
)  # fmt: skip
def test_no_more_texts_in_free_words(words: str) -> None:
    assert replies.meaning(words)[0] == "stop"


@pytest.mark.parametrize(
    "words", ["can you stop", "I said stop", "stop by", "can you stop by", "not interested"]
)
def test_what_is_not_a_keyword_is_read_by_staff_too(words: str) -> None:
    assert replies.meaning(words)[1]


@pytest.mark.parametrize(
    "words",
    [
        "stop by at 5?", "can you stop by", "Could the driver stop at the gate",
        "I want you to stop by tomorrow", "stop at 5pm", "stop my medication?",
        "can I stop taking it", "Cancel my appointment", "cancel it please",
        "the pain will not stop", "no more pain today", "I don't want these pills",
        "I don't want them to come on Friday", "not interested in Tuesday, maybe Friday?",
        "quiero cancelar mi cita", "no puedo el lunes", "para el lunes",
        "voy a dar de baja el plan",
        "la casa baja", "I removed my number plate", "can the driver stop", "no more than two",
    ],
)  # fmt: skip
def test_who_speaks_of_something_else_gets_texts_and_is_read(words: str) -> None:
    assert replies.meaning(words) == ("other", True)
