"""What the system itself answers to a word that asks for something. Each fits one segment.

One confirmation of an opt-out is allowed and expected; HELP must say who we are and how to stop.
988 stands in each, because nobody can know in which hour somebody says stop.
"""

from string import Template

from django.conf import settings

from caregiving.intents import Intent
from caregiving.models import Language

ANSWERS: dict[str, dict[str, str]] = {
    Intent.STOP: {
        Language.ENGLISH: "$service: you will get no more texts from us. Reply START if you change "
        "your mind. In a crisis call or text 988, day or night.",
        Language.SPANISH: "$service: no le mandaremos otro mensaje. Responda START si cambia de "
        "idea. En una crisis llame al 988, a cualquier hora.",
    },
    Intent.START: {
        Language.ENGLISH: "$service: welcome back, we will check in now and then. Reply STOP to "
        "end, HELP for help. In a crisis call or text 988.",
        Language.SPANISH: "$service: le escribiremos de vez en cuando. Responda STOP para "
        "terminar, HELP si necesita ayuda. En una crisis llame al 988.",
    },
    Intent.HELP: {
        Language.ENGLISH: "$service checks in with family caregivers by text. Reply STOP to end. "
        "In a crisis call or text 988, day or night. Emergency: 911.",
        Language.SPANISH: "$service escribe a quienes cuidan de un familiar. Responda STOP para "
        "terminar. En una crisis llame al 988. Emergencias: 911.",
    },
}


def answer(intent: str, language: str) -> str:
    """Our words for `intent` in `language`; English where there are none in it."""
    words = ANSWERS[intent]
    template = words.get(language, words[Language.ENGLISH])
    return Template(template).substitute(service=settings.SERVICE_NAME)
