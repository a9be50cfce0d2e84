"""The words that a new installation starts with; staff edit them later as message templates.

One entry per cadence and step, and a new cadence needs nothing here but its own entries.

What every text keeps to:

- It says one thing, asks for a short reply, and blames nobody for having been quiet.
- It names no condition: somebody else may read it over the person's shoulder.
- It says "we": the service writes, and does not pass for a person.
- It fits one paid segment. With a name of twelve letters for the person and another for whom they
  look after it has at most 138 characters, because the first text that a person ever gets opens
  with the name of the service, up to 20 characters, and ": ".
- It uses the GSM-7 alphabet only, which has é, ñ, ü, ¿ and ¡ but not á, í, ó, ú: the Spanish is
  worded around those letters, since one of them would double or triple the price of the text.
- It reads well when the names are not known.

The Spanish texts say AYUDA because that word, sent to 988, leads to a counselor who writes Spanish.
"""

DEFAULT_COPY: dict[tuple[str, str], dict[str, str]] = {
    # After a crisis: each says how to reach help at once, in case today is worse than we know.
    ("crisis_followup", "1"): {
        "en": "Hi $first_name, how are you holding up today? One word back is enough. "
        "If it gets too heavy, call or text 988, day or night.",
        "es": "Hola $first_name, ¿qué tal se siente hoy? Basta una palabra. "
        "Si pesa demasiado, llame o mande AYUDA por texto al 988 a cualquier hora.",
    },
    ("crisis_followup", "2"): {
        "en": "Hi $first_name, did you get any rest these last nights? Tell us in a word or two. "
        "At any hour you can call or text 988.",
        "es": "Hola $first_name, ¿ha podido descansar estas noches? Basta una palabra. "
        "Llame o mande AYUDA por texto al 988 a cualquier hora.",
    },
    ("crisis_followup", "3"): {
        "en": "Hi $first_name, what is weighing on you most right now? A few words will do. "
        "If you need someone at once, call or text 988.",
        "es": "Hola $first_name, ¿qué le pesa en estos momentos? Bastan unas palabras. "
        "Si es urgente, llame o mande AYUDA por texto al 988.",
    },
    ("crisis_followup", "4"): {
        "en": "Hi $first_name, has anyone been able to lend you a hand lately? Tell us in a word. "
        "If it gets too much, call or text 988.",
        "es": "Hola $first_name, ¿alguien le ha dado una mano esta semana? Basta una palabra. "
        "Si es urgente, llame o mande AYUDA por texto al 988.",
    },
    ("crisis_followup", "5"): {
        "en": "Hi $first_name, you look after $care_recipient_name. Who looks after you? "
        "Tell us in a word. If it gets too much, call or text 988.",
        "es": "Hola $first_name, usted cuida de $care_recipient_name. ¿Y quién cuida de usted? "
        "Si es urgente, llame o mande AYUDA por texto al 988.",
    },
    ("crisis_followup", "6"): {
        "en": "Hi $first_name, is this week easier, harder or the same as the last? "
        "One word tells us. At any hour you can call or text 988.",
        "es": "Hola $first_name, ¿va mejor, peor o igual que la semana pasada? Basta una palabra. "
        "Si es urgente, llame o mande AYUDA por texto al 988.",
    },
    ("crisis_followup", "7"): {
        "en": "Hi $first_name, how are things these days? You can write to us whenever you like. "
        "For help at any hour, call or text 988.",
        "es": "Hola $first_name, ¿qué tal van las cosas? Puede escribirnos cuando quiera. "
        "Si es urgente, llame o mande AYUDA por texto al 988.",
    },
    # Check-ins come again and again in the same words: none of them says "for the first time".
    ("wellness", "crisis_recent"): {
        "en": "Hi $first_name, how is today going: okay, hard or very hard? Any answer is fine. "
        "If you need someone now, call or text 988.",
        "es": "Hola $first_name, ¿qué tal va hoy: bien, regular o mal? Toda respuesta vale. "
        "Si es urgente, llame o mande AYUDA por texto al 988.",
    },
    ("wellness", "crisis"): {
        "en": "Hi $first_name, how has this week been for you? A word or two is plenty. "
        "If you need someone at once, call or text 988.",
        "es": "Hola $first_name, ¿qué tal va su semana? Una o dos palabras bastan. "
        "Si es urgente, llame o mande AYUDA por texto al 988.",
    },
    ("wellness", "high"): {
        "en": "Hi $first_name, how are you today, from 1 (rough) to 5 (good)? "
        "Just send the number, or tell us more if you like.",
        "es": "Hola $first_name, del 1 (mal) al 5 (bien), ¿qué tal se siente hoy? "
        "Responda con la cifra, o cuéntenos un poco si quiere.",
    },
    ("wellness", "moderate"): {
        "en": "Hi $first_name, how was your week with $care_recipient_name? "
        "Tell us one good thing or one hard thing.",
        "es": "Hola $first_name, ¿qué tal la semana con $care_recipient_name? "
        "Cuéntenos una cosa buena o una cosa dura.",
    },
    ("wellness", "well"): {
        "en": "Hi $first_name, this is the check-in you asked us for. "
        "How are things with you? A short answer is plenty.",
        "es": "Hola $first_name, le escribimos porque quiso un saludo de vez en cuando. "
        "¿Qué tal va todo? Basta una respuesta corta.",
    },
    ("dormant_reactivation", "1"): {
        "en": "Hi $first_name, how are you and $care_recipient_name doing? "
        "No rush: reply whenever you have a minute.",
        "es": "Hola $first_name, ¿qué tal siguen usted y $care_recipient_name? "
        "Sin prisa: responda cuando tenga un minuto.",
    },
    ("dormant_reactivation", "2"): {
        "en": "Hi $first_name, what is one small thing that would make this week easier? "
        "Tell us in a few words.",
        "es": "Hola $first_name, ¿qué cosa pequeña le puede aliviar esta semana? "
        "Cuéntenos en pocas palabras.",
    },
    # The last: after it the person hears nothing more until they write, and should know it.
    ("dormant_reactivation", "3"): {
        "en": "Hi $first_name, we will not write again unless you write to us. "
        "The door stays open: send any word, whenever you like.",
        "es": "Hola $first_name, no le volveremos a escribir si usted no nos escribe. "
        "La puerta queda abierta: mande una palabra cuando quiera.",
    },
    ("assessment_reminder", "1"): {
        "en": "Hi $first_name, it is time for a few short questions about how you are doing. "
        "Reply OK to begin.",
        "es": "Hola $first_name, es hora de unas preguntas cortas sobre su bienestar. "
        "Responda OK para empezar.",
    },
    ("assessment_reminder", "2"): {
        "en": "Hi $first_name, your short questions are still here when you want them. "
        "No rush: reply OK when you have a few minutes.",
        "es": "Hola $first_name, sus preguntas cortas siguen a la espera. "
        "Sin prisa: responda OK cuando tenga unos minutos.",
    },
    # Which detail is missing differs from person to person, so these do not name it.
    ("onboarding_nudge", "1"): {
        "en": "Hi $first_name, welcome. A quick question or two will help us fit this to you. "
        "Reply OK when you have a minute.",
        "es": "Hola $first_name, nos da gusto saludarle. Una o dos preguntas nos ayudan a "
        "servirle mejor. Responda OK cuando tenga un minuto.",
    },
    ("onboarding_nudge", "2"): {
        "en": "Hi $first_name, a detail or two is still missing from your sign-up. "
        "Reply OK and we will ask. It takes a minute.",
        "es": "Hola $first_name, faltan uno o dos datos de su registro. "
        "Responda OK y le preguntamos. Toma un minuto.",
    },
}
