"""What an inbound text asks of us: to stop, to start again, for help, or nothing of the kind.

US rules let a person take back consent in any reasonable words, and the provider knows only single
ones. The people who write to us also write about pain that will not stop. So a sentence is an
opt-out only where it is spoken *to us*, as a demand or as the writer's own wish, and is about being
texted. Of what remains unclear: a wrong opt-out is answered and can be undone with START, a missed
one is a text after STOP, so plain words win over our guess at the mood: a bare "stop" that is a
clause of its own is one, unless somebody else says it or a pause only delays it ("make it...
stop"). Limits of time ("not at night", "not today") are not the end of consent.
"""

import re
import unicodedata

from django.db import models


class Intent(models.TextChoices):
    STOP = "stop", "Stop texting"
    START = "start", "Text again"
    HELP = "help", "Help"
    NONE = "", "Ordinary text"


def read_intent(body: str, *, opt_out_type: str = "") -> Intent:
    """What `body` asks of us, in English or Spanish. Never raises.

    `opt_out_type` is the provider's own reading (its parameter `OptOutType`: STOP, START or HELP,
    in any case), which wins over ours where it is known.
    """
    provider_says = opt_out_type.strip().lower()
    if provider_says and provider_says in Intent.values:
        return Intent(provider_says)
    text = _normalised(body)
    words = re.sub(r"[,\n]", " ", text)
    for intent, pattern in _WHOLE_TEXT:
        if pattern.fullmatch(words):
            return intent
    if any(pattern.search(text) for pattern in _OPT_OUTS):
        return Intent.STOP
    return Intent.NONE


def is_keyword(body: str) -> bool:
    """Whether Twilio itself acts on `body`, and so has sent its own confirmation.

    Its words stand alone, in any case; white space around them does not matter.
    """
    return body.strip().lower() in _TWILIO_KEYWORDS


# YES is here although it is no opt-in for us, who ask questions that it answers.
_TWILIO_KEYWORDS = frozenset(
    {"stop", "unsubscribe", "end", "quit", "stopall", "cancel", "revoke", "optout"}
    | {"start", "yes", "unstop", "help", "info"}
)

# The most that a text can have. Nobody hides an opt-out behind more, and a forged request of
# megabytes costs no more than a text.
_LONGEST = 1600


# --- One form for however it was typed ---

_APOSTROPHES = dict.fromkeys(map(ord, "'’‘‛`´ʼ′＇"))  # before NFKD, which tears some of them apart


def _normalised(body: str) -> str:
    """Lower-case words without accents, a newline after each sentence, a comma between clauses."""
    text = unicodedata.normalize("NFKD", body[:_LONGEST].translate(_APOSTROPHES)).casefold()
    # Accents, variation selectors, zero-width characters.
    text = "".join(c for c in text if unicodedata.category(c) not in ("Mn", "Me", "Cf"))
    for pattern, replacement in _PUNCTUATION:
        text = pattern.sub(replacement, text)
    return text.strip(" ,\n")


# Words after which a demand is not the writer's own, or not made of us.
_SAID = (
    "says?|said|saying|tells?|telling|told(?: (?:me|us|him|her|them))?|ask(?:s|ed|ing)?|"
    "(?:yell|scream|shout|repeat|whisper)(?:s|ed|ing)?|beg(?:s|ged|ging)?|"
    "makes?|made|making|lets?|wish|wishes|hopes?|"
    "dice|dicen|dijo|dijeron|grita|gritan|dile|diles"
)
_REPORTED = f"{_SAID}|would|will|wont|could|should|must|might|if|when|why|how|until|unless|before"
# Words that a "stop" completes, also behind a pause: "I just want it to... stop".
_UNFINISHED = (
    "(?<!t take )(?<!t want )(?<!t need )it|i|he|she|they|make|to|not|never|ever|"
    "wont|cant|cannot|dont|doesnt|didnt|pain|crying|bleeding|start|dolor"
)

_PUNCTUATION = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # A quotation or a colon goes on with the sentence: mom says "stop".
        (r"[\"“”«»„:*_~()\[\]<>¡¿]|(?<=\w)[-‐–/](?=\w)", " "),
        (r"\.{2,}", ","),  # "make it... stop" is one sentence
        (r"[.!?;\r\n]+", "\n"),
        (r"[^\w\n ]+", ","),  # commas, dashes, emoji, and whatever else is no letter
        (r"[ ,]*\n[ ,\n]*", "\n"),
        (r" *,[ ,]*", ","),
        (r" {2,}", " "),
        (rf"\b((?:{_REPORTED})),", r"\1 "),  # mom says, stop
        (rf"(?<![^\n])((?:{_UNFINISHED}))\n", r"\1 "),  # Make. It. Stop.
        # Many texts have no punctuation: "thank you for everything please stop".
        (rf"\b(?!(?:{_REPORTED}|to|you|u|he|she|they)\b)(\w+) (?=(?:please|por favor)\b)", r"\1,"),
    )
)


# --- The whole text ---

_COURTESY = r"(?:please|pls|plz|thanks|thank you|thx|now|ok|okay|just|ya|por ?favor|gracias)"
_KEYWORD = r"(?:stop|stop ?all|cease|unsubscribe|opt ?out)"
_KIN = r"(?:mom|mother|mama|dad|father|wife|husband|sister|brother|son|daughter|family)"
# Why somebody may want to be texted no more, in the words that come before a bare "stop".
_REASON = (
    r"(?:no (?:thanks|thank you|thx|gracias)|(?:im )?not interested|who is this|"
    r"(?:(?:you have|this is|its) )?(?:the )?wrong (?:number|person)|"
    rf"(?:my (?:\w+ ){{1,3}}|(?:{_KIN}|s?hes?|they) (?:(?:is|are|has|have|just) )?)"
    r"(?:passed(?: away| on)?|died|dead|deceased|gone)|"
    r"numero equivocado|(?:mi \w+ )?(?:ya )?(?:murio|fallecio))"
)

_WHOLE_TEXT = tuple(
    (intent, re.compile(pattern))
    for intent, pattern in (
        (
            # The provider's words, theirs in Spanish, and "stop stop stop". No "no", "no more" or
            # "ya no": they answer questions, as "baja" does.
            Intent.STOP,
            rf"(?:{_COURTESY} )*(?:{_REASON} (?:{_COURTESY} )*)?"
            rf"(?:(?:{_KEYWORD}|stop (?:it|this|that|everything)|quit(?: (?:it|this))?|end|"
            r"cancel|revoke|remove|alto|basta|cancel(?:ar|en?)|deten(?:er|gan?)|"
            r"parar|para(?:le)?|paren?(?:le)?)\b ?)+"
            rf"(?:{_COURTESY} ?)*",
        ),
        (
            # A whole text only: consent is given in so many words.
            Intent.START,
            rf"(?:start|unstop|opt ?in|(?:re ?)?subscribe|suscribirme)(?: {_COURTESY})*",
        ),
        # Alone only: whoever asks for help in a sentence asks a person.
        (Intent.HELP, r"help|info|ayuda"),
    )
)


# --- What sentences are made of ---

_BEGIN = r"(?:^|(?<=,))"  # of a clause
_END = r"\b(?! )"  # of a clause
_EMPHASIS = r"already|any ?more|no more|for good|forever|immediately|stop"
_POLITE_END = rf"(?: (?:{_COURTESY}|{_EMPHASIS}))*{_END}"

# What may come before a demand or a wish without changing it. No "no": "no dejen de escribirme".
_OPENING = (
    rf"{_BEGIN}(?:(?:{_COURTESY}|hi|hello|hey|sorry|so|and|but|also|again|kindly|"
    r"hola|oigan|oiga|oye|disculpen?|perdon|por todo|pero|y|entonces|solo|nomas|favor de) )*"
)
_AND_SO = rf"(?:(?:{_COURTESY}|no|nope|nah|sorry|hi|hello|hey|so|but|text|reply) )*"
# Said by others or to others. "I said no, stop" and "I am begging you, stop" are said to us.
_TO_OTHERS = (
    r"(?:(?!(?<=\bi )(?:said|ask(?:ed)?)\b(?! (?:to )?(?:him|her|them)\b)|(?<=\bi already )said|"
    r"ask(?:ed)? for|(?:makes?|made|making) (?:me|us)\b|\w+ (?:you|u)\b)"
    rf"(?:{_SAID})|(?<!my )god|lord|dios|haz|hagan?|will (?:it|this|that|the|her|his|my))\b"
)
# Demands in other forms. The "you" must be there: "he should stop texting me".
_DEMAND = (
    r"(?:(?:can|could|would|will|thank|are|know) (?:you|u) |i (?:already )?said |"
    r"(?:i (?:want|need|would like|am asking)|id like|im asking|"
    r"i(?:ve| have)? (?:already )?(?:asked|told)) (?:you|u) (?:to )?|"
    r"(?:you|u) (?:can|should|must|(?:need|have) to) |"
    r"(?:me )?(?:pueden?|puedes|podrian?|podrias) |"
    r"(?:quiero|necesito|prefiero|les? pido|pido|les? ruego) que )"
)
_OF_YOU = rf"{_DEMAND}?(?:{_COURTESY} )*"
_TO_US = _OPENING + _OF_YOU

# After any words, so that "who is this stop texting me" is heard; but none that report or wish,
# and nobody just before the verb who does (not) stop: "she won't stop", "told him to stop".
_STOP = r"(?:stop|quit|cease)"
_STOP_ANYWHERE = (
    rf"{_BEGIN}(?:(?!(?:{_REPORTED})\b|(?:dont|do not|never|not|cant|cannot|doesnt|didnt|isnt|to|"
    r"you|u|i|we|he|she|it|they|him|her|them|people|everyone|nobody|who|did|does)"
    rf"(?: (?:ever|just|please|you|even|really))? {_STOP}\b)\w+ )*?{_OF_YOU}{_STOP}"
)
_DONT = r"(?:dont|do not|never|no longer|not)(?: you)?(?: ever)?"
_I_WANT_TO = (
    r"(?:i (?:want|wish|need|would like|choose) to|id like to|(?:im |i am )?trying to|"
    r"how (?:do|can) i|(?:can|could|may) i|let me)"
)
_I_DONT_WANT = rf"{_OPENING}(?:i )?(?:really |just )?(?:dont|do not|no longer) (?:want|wish|need)"

_ME = rf"(?:me|us|him|her|them|here|(?:this|my) (?:phone number|number|phone|cell)|my {_KIN})\b"
_NAMED = (
    r"(?:(?:these|those|this|your|the|any|all|more|anymore|further|such|of|with|w|me|us|my|daily|"
    r"automated|sms|text) )*(?:texts?|txts?|messages?|msgs?|sms|reminders|check ?ins|alerts)\b"
)
# Not somebody else's: "no more texts from my brother".
_TEXTS = rf"{_NAMED}(?! (?:from|by|between|to|about|in|of|that) (?!(?:you|this|your|here|me|us)\b))"
_THINGS = (
    r"(?:(?:me|us|these|this|your) )*(?:these|this|those|stuff|things|anything|crap|shit)"
    rf"(?: else)?{_END}"
)
_OURS = r"(?:this|these|all|your?|any|it|here|the (?:texts|messages|list)|texts|messages)\b"
_LIST = (
    r" (?:off|from|out)(?: of)?(?: (?:this|these|the|your|all|any))?"
    r"(?: (?:text|texting|mailing|message|messaging|contact|call|calling|sms|phone))? "
    r"(?:lists?|texts|messages|system|database)\b"
)

# "Not at night" our own hours keep, and for "not today" staff can pause.
_NO_LIMIT = (
    r"(?!(?: anymore| again| please)? (?:at (?:night|work|midnight|noon|\d\w*)|before|after|while|"
    r"when|during|until|till|today|tonight|tomorrow|right now|so (?:early|late)|"
    r"this (?:week|month|morning|afternoon|evening)|in the (?:middle|morning|evening|night)|"
    r"(?:on )?(?:mon|tues|wednes|thurs|fri|satur|sun)days?|on (?:the )?weekends?|"
    r"for (?:now|a|the next|today|\d+)|if|(?:and|just|but) (?:text|write))\b)"
)
_SIN_LIMITE = (
    r"(?!(?: mas)? (?:de noche|(?:en|por) las? noches?|tan (?:tarde|temprano)|antes|despues|"
    r"durante|mientras|cuando|hasta|hoy|manana|esta (?:semana|noche|tarde)|a (?:las|estas?)|"
    r"por (?:ahora|hoy)|los (?:lunes|martes|miercoles|jueves|viernes|sabados|domingos|fines)|si)\b)"
)

_TEXTOS = (
    r"(?:(?:mas|ya|sus?|tus?|los|estos|esos|ningun|otro|de|recibir|recibiendo) )*"
    r"(?:mensajes?|mensajitos|textos?|sms|recordatorios?)\b"
    r"(?! del? (?!(?:ustedes|usted|ti|texto|est[ae])\b)| a (?!mi (?:numero|telefono)\b))"
)
_ESCRIBIR = r"(?:escribir|mandar|enviar|textear|mensajear|contactar|llamar|molestar|fastidiar)"
_LISTA = r" de (?:la|las|su|sus|esta|tu|todas las) (?:listas?|base de datos)\b"


# --- Sentences that take consent back ---

_ENGLISH = (
    # "My mother died, stop", "no thanks stop", "STOP. I can't take this": a clause of its own, also
    # where only the grammar ends it (nobody can "stop I"). What follows does not take it back,
    # unless it is who said so.
    rf"^(?:(?:(?!{_TO_OTHERS})\w+ )*(?!(?:{_TO_OTHERS}|{_UNFINISHED})\b)\w+,)*?"
    rf"{_AND_SO}(?:{_REASON} {_AND_SO})?{_KEYWORD}"
    rf"(?:{_POLITE_END}(?!,(?:s?he|they|(?:my|the) \w+) (?:\w+ )?(?:{_SAID})\b)|"
    r" (?:i|im|ive|id|ill|we)\b)",
    # "I told you to stop": nothing but a demand, and the only "you" are we.
    rf"{_OPENING}{_DEMAND}(?:{_COURTESY} )*stop{_POLITE_END}",
    # "stop texting me", "quit bothering my mother". Without an object it must end there: "stop
    # writing" is ours, "stop writing her off" is not.
    rf"{_STOP_ANYWHERE} (?:te?xting|messaging|msging|contacting|writing|bothering|bugging|annoying|"
    rf"spamming|harassing)(?: (?:to )?{_ME}(?! off\b){_NO_LIMIT}|{_POLITE_END})",
    # "stop calling me", but not "stop calling me brave".
    rf"{_STOP_ANYWHERE} calling(?: {_ME}{_NO_LIMIT}(?= (?:again|and|or|all|every|so|at|on)\b)|"
    rf"(?: {_ME})?{_POLITE_END})",
    # "stop sending me messages", "stop these texts": named, or it is not ours.
    rf"{_STOP_ANYWHERE} sending(?: {_TEXTS}{_NO_LIMIT}| {_THINGS}|(?: me)?{_POLITE_END})",
    rf"{_TO_US}(?:{_I_WANT_TO} )?(?:stop|quit|cease|end|cancel|discontinue)"
    rf"(?: getting| receiving)? {_TEXTS}{_NO_LIMIT}",
    # "don't text me". Only as a demand: "my kids don't text me anymore", "don't write me off". And
    # "don't contact my family" keeps them out of it.
    rf"{_TO_US}{_DONT} (?:text|txt|message|write|contact(?! my {_KIN}))"
    rf"(?: (?:to )?{_ME}(?! off\b){_NO_LIMIT}|(?: again)?{_POLITE_END})",
    # "don't call me" alone may ask for a text instead, and we never ring.
    rf"{_TO_US}{_DONT} (?:call|bother|disturb) {_ME} (?:again|any ?more|ever)\b",
    rf"{_TO_US}{_DONT} send (?:{_TEXTS}{_NO_LIMIT}|{_THINGS})",
    # "no more texts", "I don't want these messages": named, for "no more tests" and "I don't want
    # to live like this" are the texts that we exist for.
    rf"{_TO_US}(?:i want )?(?:no more|enough) {_TEXTS}{_NO_LIMIT}",
    rf"{_OPENING}(?:im|i am) (?:so )?done with {_TEXTS}",
    rf"{_I_DONT_WANT}(?: to (?:get|receive|have|see|read|be sent))? "
    rf"(?:{_TEXTS}{_NO_LIMIT}|(?:any ?more of )?these{_POLITE_END})",
    rf"{_I_DONT_WANT} (?:to be (?:texted|contacted|messaged)|to hear from you|you (?:to )?"
    rf"(?:text|message|contact|writ)(?:ing|e|e to)? {_ME})\b{_NO_LIMIT}",
    rf"{_OPENING}(?:you (?:dont|do not) (?:need|have)|(?:theres )?no need) to "
    rf"(?:keep )?(?:text|message|contact)(?:ing)? {_ME} (?:any ?more|again|any longer)\b",
    rf"{_OPENING}i (?:never|didnt|did not) (?:sign(?:ed)? up for|ask(?:ed)? for|"
    rf"consent(?:ed)? to|agreed? to|subscribed? to) {_TEXTS}",
    # "I need these texts to stop", where "I need this to stop" is about a life.
    rf"{_OPENING}(?:i (?:want|need|would like) |id like )?(?:these|your|the|all) {_NAMED} "
    r"(?:(?:need|have) to|must|to) (?:stop|end)\b",
    # "I want to unsubscribe", "how do I opt out": of ours, not of hospice.
    rf"{_TO_US}(?:(?:{_I_WANT_TO} |i )?(?:unsubscribe|opt(?: me)? ?out)|"
    r"(?:i )?already (?:unsubscribed|opted out)|(?:im |i am )?opting out)\b"
    rf"(?! (?:of|from) (?!{_OURS}))",
    rf"{_TO_US}{_I_WANT_TO} be (?:removed|taken off)(?:{_LIST}|{_POLITE_END})",
    rf"{_OPENING}(?:i (?:want|need)|i would like|id like)(?: to (?:get|be))?(?= off){_LIST}",
    rf"{_TO_US}cancel (?:my|this|the) subscription{_POLITE_END}",
    rf"{_TO_US}(?:i )?(?:revoke|withdraw) (?:my |all )?consent"
    rf"(?:{_POLITE_END}| to (?:be )?(?:text|receiv|messag|contact))",
    # "take me off this list", "remove my number": the list is named, or nothing more is said, as
    # in "take me off this medication".
    rf"{_TO_US}(?:take|remove|delete|erase|drop|get) (?:{_ME}|my name|my info){_LIST}",
    rf"{_TO_US}(?:(?:remove|delete) (?:me|us)(?: from (?:this|here))?|take (?:me|my \w+) off|"
    rf"(?:lose|remove|delete|erase|forget) (?:my|this) (?:cell |phone )?number){_POLITE_END}",
    # Nothing may follow but a new sentence: "leave me alone with him and I cry".
    rf"{_TO_US}leave (?:me|us) (?:the \w+ )?alone(?:{_POLITE_END}| (?=(?:i|im|ive|you|we)\b))",
    rf"^(?:{_COURTESY} )*(?:go away|fuck off|piss off|get lost)$",
    # Whoever has this number now never agreed. Not "sorry, wrong number", which may follow a text
    # that was meant for somebody else.
    rf"{_OPENING}(?:i think )?(?:you (?:have|got|have got|reached)|youve (?:got|reached)|this is) "
    rf"the wrong (?:number|person){_END}",
)

_SPANISH = (
    # "no me escriban más". The subjunctive is a demand, unless it is about others: "quiero que mis
    # hijos no me escriban"; in "mis hijos no me escriben" there is none.
    rf"{_TO_US}no (?:me|nos) (?:escrib(?:an|as?)|text(?:een|ees?)|mensaje(?:en|es?)|"
    rf"contact(?:en|es?)|molest(?:en|es?))\b{_SIN_LIMITE}",
    rf"{_TO_US}no (?:escrib(?:an|as?)|text(?:een|ees?)|molest(?:en|es?))(?: mas)?{_POLITE_END}",
    # What is sent must be named: "no me manden más medicinas".
    rf"{_TO_US}no (?:(?:me|nos) )?(?:mand|envi)(?:en|es?|ar) "
    rf"(?:{_TEXTOS}{_SIN_LIMITE}|(?:(?:ya|nada|mas) )*(?:nada|mas){_POLITE_END})",
    rf"{_TO_US}no me llam(?:en|es?) (?:mas|nunca|jamas|otra vez)\b",
    rf"{_TO_US}no (?:me vuelv(?:an|as?) a {_ESCRIBIR}|vuelv(?:an|as?) a {_ESCRIBIR}me)\b",
    # "dejen de escribirme": with "me", because "dejé de mandar" without its accent looks alike.
    rf"{_TO_US}(?:dejen?|deja|dejar|paren?|para|basta) (?:ya )?de "
    rf"(?:{_ESCRIBIR}(?:me|nos)\b{_SIN_LIMITE}|(?<=n de )(?:mandar|enviar) {_TEXTOS}|"
    rf"(?<=n de )(?:escribir|molestar){_POLITE_END})",
    rf"{_TO_US}dej(?:en|e|a)(?:me|nos) (?:en paz|tranquil[oa]){_POLITE_END}",
    # "ya no quiero recibir mensajes", "no más mensajes", "paren los mensajes".
    rf"{_TO_US}(?:yo )?(?:ya )?no (?:quiero|deseo|necesito|quisiera) (?:seguir )?"
    rf"(?:que me (?:(?:sigan|manden|envien|mandando|enviando) )+)?{_TEXTOS}{_SIN_LIMITE}",
    rf"{_TO_US}(?:yo )?(?:ya )?no (?:quiero|deseo) que me (?:sigan )?"
    rf"(?:escrib|contact|texte|molest)(?:an|en|iendo|ando)\b{_SIN_LIMITE}",
    rf"{_TO_US}no (?:quiero|deseo) (?:volver a )?saber (?:(?:nada|mas) )*de ustedes?\b",
    rf"{_TO_US}(?:no mas|ni un mas|basta de|alto a|paren|pare|detengan|suspendan|cancelen|cancelar|"
    rf"parar|quiero (?:cancelar|parar|dejar de)) {_TEXTOS}{_SIN_LIMITE}",
    # "quítenme de la lista", where "sáquenme de aquí" is a cry for something else.
    rf"{_TO_US}(?:quit|saqu|sac|borr|elimin)(?:ar|en|e|a)(?:me)?{_LISTA}",
    rf"{_TO_US}(?:borr|elimin|quit|olvid)(?:en|e|a) (?:mi|este) (?:numero|telefono|nombre)"
    rf"(?:{_LISTA}|{_POLITE_END})",
    # "darme de baja", unless from work.
    rf"{_TO_US}(?:(?:quiero|quisiera|deseo|necesito|me gustaria|como (?:puedo|hago para)) )?"
    r"(?:(?:darme|denme|deme|dame|me den) de baja|desuscrib\w+|cancelar (?:mi|la) suscripcion)\b"
    r"(?! (?:del|en|por (?!favor)|de (?!(?:est[ae]|estos|la lista|los mensajes|sus?)\b)))",
    rf"{_TO_US}(?:tienen?|es) (?:el )?numero equivocado{_END}",
)

_OPT_OUTS = tuple(re.compile(pattern, re.MULTILINE) for pattern in (*_ENGLISH, *_SPANISH))
