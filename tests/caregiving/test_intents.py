"""What a text asks of us: nobody is texted after STOP, and nobody in pain is cut off."""

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caregiving.intents import Intent, is_keyword, read_intent

OPT_OUTS = """
    STOP
    Stop!!
    STOP.
    'stop'
    “Stop”
    STOP 🛑
    stop stop stop
    Stop it
    stop please
    please stop
    Ok, please stop
    stop all
    text STOP
    please cease
    stop for good
    Stop no more
    stop immediately
    no stop
    No. Stop.
    No, stop please
    nope stop
    no thanks, stop
    no thank you stop
    no thanks stop I can't do this
    not interested stop
    who is this? stop
    wrong number stop
    Wrong number - stop
    Sorry wrong number please stop
    My mother passed away, stop
    My mother in law passed away stop
    He passed away please stop
    she's dead stop
    STOP, she passed away
    I can't take it. Stop.
    I can't take it, stop
    I said no, stop
    I already said no, stop
    I told you no, stop
    I told you please stop
    I'm begging you, stop
    these texts make me sad, stop
    I didn't ask for this, stop
    why are you texting me, stop
    OPT OUT
    opt-out
    please quit
    quit it
    unsubscribe me
    please unsubscribe
    I want to unsubscribe
    how do I unsubscribe
    I already unsubscribed
    unsubscribe from this list
    I'd like to opt out
    opt me out
    I am opting out
    I revoke my consent
    cancel my subscription
    STOP I can't take this anymore
    STOP. I can't take this anymore.
    Thank you. STOP
    Thanks for everything. Stop
    Thank you for everything. Please stop texting me.
    thank you for everything please stop texting me
    who is this stop texting me
    please stop texting me
    STOP TEXTING ME
    stop texting
    quit texting me
    stop msging me
    stop texting me every day
    stop texting me or I will call a lawyer
    I can't do this anymore, stop texting me
    I told you to stop texting me
    I said stop texting me
    I asked you to stop
    I already asked you to stop
    I've already told u to stop
    I already said stop
    I'd like you to stop
    can u stop
    can you please stop
    u need to stop
    I told you stop texting me
    can you please stop texting me
    will you stop texting me!!
    you can stop texting me, she died
    stop texting my mom, she passed away
    This is not Maria, stop texting this number
    no stop texting me
    stop calling me
    don't call me anymore
    stop bothering me
    stop sending me messages
    stop sending me this crap
    stop sending these
    stop these texts
    discontinue texts
    I'm done with these texts
    stop with the texts
    stop w the messages
    I want to stop receiving texts
    how do I stop getting these messages
    these texts need to stop
    I need these messages to stop
    don't text me anymore
    dont text me
    do not contact me again
    don't ever contact me again
    please do not text this number
    never text me again
    don't send me any more texts
    don't send me anything
    no more texts please
    I don't want these messages
    I don't want these anymore
    I don't want you to text me
    I don't want to be texted
    I don't want to hear from you
    I no longer wish to receive these messages
    I don't need these texts anymore
    no need to text me anymore
    I didn't sign up for these texts
    take me off this list
    take me off your texting list
    I want off this list
    I'd like to get off this list
    remove me
    remove my number
    I would like to be removed from your list
    lose my number
    leave me alone
    leave me alone I'm tired
    go away
    You have the wrong number
    alto
    ¡Alto!
    basta
    Ya basta
    cancelar
    parar
    pare
    detener
    ya párenle
    no gracias, stop
    no gracias, paren por favor
    número equivocado stop
    mi mamá falleció, stop
    no más mensajes
    no me manden mas mensajes
    no me manden más
    no me envíen nada
    no me escriban más
    ya no me escriban
    ya no escriban
    no quiero saber nada de ustedes
    les pido que no me escriban más
    no quiero que me escriban
    no me llamen más
    no me vuelvan a escribir
    ya no me molesten
    dejen de escribirme
    dejen de molestar
    deja de mandarme mensajes
    pueden dejar de escribirme
    por favor dejen de mandar mensajes
    por favor paren los mensajes
    ya no quiero recibir mensajes
    no quiero más mensajes
    no necesito sus mensajes
    quiero dejar de recibir mensajes
    quiero cancelar los mensajes
    mi mamá falleció por favor no me manden mas mensajes
    quítenme de la lista
    podrían quitarme de la lista
    borren mi número
    darme de baja
    quiero que me den de baja
    déjenme en paz
    Tienen el número equivocado
"""

# Each is a caregiver whom an opt-out would cut off.
NOT_OPT_OUTS = """
    I can't stop crying
    her pain won't stop
    I need this to stop
    please make it stop
    Please. Make. It. Stop.
    I just want it to... stop
    make it 😢 stop
    I wish I could stop. I really do.
    Should I stop?
    make the pain... stop
    the pain please stop
    please god make it stop
    God, please stop
    will it... stop
    does he ever... stop
    I. Can't. Stop.
    No, I can't, stop
    how do I get him to, you know, stop
    when does it stop
    will the pain ever cease
    no, it does not stop
    no, the bus stop
    no stop signs on our street
    no, stop signs confuse him
    no stop sending flowers to her
    no, stop worrying about me
    no thanks, stop by tomorrow
    wrong number, stop by tomorrow
    stop no more pain
    he passed away and I can't stop crying
    he passed away and it won't stop
    my mother passed away, stop the medication
    my mother passed away
    start, stop, start, stop
    stop and go all day
    nonstop
    it hurts non-stop
    one stop shop
    I'm exhausted, full stop
    should we discontinue treatment
    discontinue the medication
    we had to cancel the appointment
    can I cancel tomorrow's visit
    I want to quit my job
    I quit
    I quit it
    I had to quit it
    when will this end
    the end is near for my dad
    end of life care
    stop by tomorrow?
    can you stop by tomorrow
    can you stop by
    i'd like you to stop by tomorrow
    the bus stop
    stop the pain
    please stop the bleeding what do I do
    can you stop the pain
    can u stop the pain
    you can stop the pain
    stop worrying about me
    stop giving me advice
    stop calling me brave
    how do I stop her from falling
    should I stop giving her the pills
    I told the nurse to stop the medication
    The doctor said stop
    the nurse said stop
    the doctor told me no, stop
    mom says no thanks, stop
    tell them wrong number, stop
    he told me text STOP
    he keeps saying no no no stop
    she yelled, stop
    I told him no, stop
    I asked him, stop
    "No, stop," she said
    "Stop," my mother says
    "No, stop," he kept saying
    he told me to stop
    I already asked her to stop
    I'd like him to stop
    I already told the nurse you can stop
    "Stop," she says, every night
    she won't stop calling me
    they stop calling me when things get hard
    the debt collectors don't stop calling me
    how do i make the hospital stop calling me
    he keeps texting me all night, I can't make him stop
    I want him to stop texting me
    I wish he would please stop calling me
    tell him to please stop calling me
    mom says stop texting her when she is asleep
    mom says, stop texting me
    my brother said "leave me alone" and hung up
    did you stop texting me?
    why did you stop texting me
    will you stop texting me if I don't answer
    you don't text me anymore
    my kids don't text me anymore
    don't stop
    don't stop texting me
    please never stop writing me
    please don't stop sending these
    I love these messages don't stop
    I don't want you to stop texting me
    I don't want these messages to stop
    I don't want to unsubscribe
    please do not take me off the list
    I can't stop reading your messages
    please don't text me at night
    don't text me today, I'm at the funeral
    please text me less often
    don't call me, text me
    don't contact my family
    leave me alone with him and I cry
    everyone leaves me alone
    don't leave me alone
    don't write me off
    I can't take it anymore
    I don't want to live like this
    I don't want to be here anymore
    I don't want this anymore
    I didn't sign up for this
    I'm done
    I'm done with these pills
    I'm done with texts from my brother
    I don't want these pills anymore
    I want out
    I want out of this system
    I want off this medication
    I want off the transplant list
    no more
    no more tests please
    no more texts from my brother
    I don't want reminders of the war
    I want to opt out of chemo
    I want to unsubscribe from the pharmacy texts
    take me off this medication
    take my mom off the ventilator
    take my mom off the waiting list
    they removed me from the transplant list
    sorry, wrong number
    sorry, cancel
    no
    nope
    no thanks
    ya no
    baja
    no gracias
    no pare
    no, paren no
    no, no para
    párenle al dolor
    quiero detener la quimio
    mi papá falleció y no para de llover
    el doctor dijo no, stop
    dile no, stop
    Dios mío, stop
    no quiero saber nada
    no quiero saber nada de mi hermano
    ya no escribe mi hermano
    mis hijos ya no escriben
    quiero que mis hijos no escriban
    no escribas tanto
    no puedo parar de llorar
    el dolor no para
    no para de llover
    necesito que esto pare
    quiero que pare el dolor
    ya basta de dolor
    no más dolor
    no quiero vivir así
    no dejen de escribirme
    por favor no dejen de mandarme mensajes
    no paren los mensajes
    no quiero que dejen de escribirme
    no quiero dejar de recibir mensajes
    no me quiten de la lista
    no me escriban de noche
    no me manden más medicinas
    no quiero más medicinas
    no quiero mensajes de mi hermano
    mis hijos no me escriben
    quiero que mis hijos no me escriban
    mi marido no me deja en paz
    ella no deja de llamarme
    dejé de mandar mensajes a mi hermana
    hay que cancelar la cita
    mi padre es muy alto
    no me dejen sola
    sáquenme de aquí
    quítenme este dolor
    darme de baja del trabajo
"""


# Beside other sentences these may be about anything.
ONLY_ALONE = {
    *("stop stop stop", "Stop it", "please quit", "Thank you. STOP", "Thanks for everything. Stop"),
    *("STOP I can't take this anymore", "STOP. I can't take this anymore."),
    *("alto", "¡Alto!", "basta", "Ya basta", "cancelar", "parar", "pare", "detener", "ya párenle"),
    *("quit it", "no gracias, paren por favor"),
}


def sentences(table):
    return [line.strip() for line in table.strip().splitlines()]


class TestStop:
    @pytest.mark.parametrize("body", sentences(OPT_OUTS))
    def test_an_opt_out(self, body):
        assert read_intent(body) == Intent.STOP

    @pytest.mark.parametrize("body", sentences(NOT_OPT_OUTS))
    def test_not_an_opt_out(self, body):
        assert read_intent(body) == Intent.NONE

    @pytest.mark.parametrize("body", sentences(OPT_OUTS))
    @pytest.mark.parametrize(
        "spelt",
        [
            pytest.param(str.upper, id="capitals"),
            pytest.param(lambda body: unicodedata.normalize("NFKD", body), id="taken-apart"),
            pytest.param(lambda body: body.replace("'", "’"), id="curly-apostrophes"),
            pytest.param(lambda body: body.replace("'", ""), id="no-apostrophes"),
            pytest.param(lambda body: f" {body}\n\n", id="white-space-around"),
            pytest.param(lambda body: body.replace(" ", "\N{NO-BREAK SPACE} "), id="wide-spaces"),
            pytest.param(lambda body: "\N{ZERO WIDTH SPACE}".join(body), id="zero-width"),
            pytest.param(
                lambda body: body.translate({n: n + 0xFEE0 for n in range(0x21, 0x7F)}),
                id="full-width",
            ),
            pytest.param(
                lambda body: "".join(
                    c for c in unicodedata.normalize("NFD", body) if not unicodedata.combining(c)
                ),
                id="no-accents",
            ),
        ],
    )
    def test_an_opt_out_however_spelt(self, body, spelt):
        assert read_intent(spelt(body)) == Intent.STOP

    @pytest.mark.parametrize("body", [b for b in sentences(OPT_OUTS) if b not in ONLY_ALONE])
    def test_an_opt_out_among_other_sentences(self, body):
        assert read_intent(f"Thank you for everything. {body}") == Intent.STOP
        assert read_intent(f"{body}\nHer pain won't stop.") == Intent.STOP

    @pytest.mark.parametrize("word", ["basta", "parar", "cancelar", "end", "quit", "cancel"])
    def test_a_word_that_says_it_only_alone(self, word):
        assert read_intent(word) == Intent.STOP
        assert read_intent(f"I can't do this anymore. {word}") == Intent.NONE

    @given(
        st.sampled_from(["stop", "unsubscribe", "end", "quit", "cancel", "revoke", "optout"]),
        st.lists(st.booleans(), min_size=11, max_size=11),
        st.text(string.punctuation + " \n👍❤️…—¡¿“”", max_size=20),
        st.text(string.punctuation + " \n👍❤️…—¡¿“”", max_size=20),
    )
    def test_the_providers_words_survive_any_case_and_punctuation(self, word, upper, before, after):
        cased = "".join(c.upper() if up else c for c, up in zip(word, upper, strict=False))
        assert read_intent(before + cased + after) == Intent.STOP

    def test_what_lies_beyond_the_longest_text_is_not_read(self):
        assert read_intent("Please stop texting me. " + "x" * 1_000_000) == Intent.STOP
        assert read_intent("x" * 1_600 + ". Please stop texting me.") == Intent.NONE


@pytest.mark.parametrize(
    "body", ["START", "start", "Start!", "start please", "UNSTOP", "opt in", "OPT-IN", "subscribe"]
)
def test_an_opt_in(body):
    assert read_intent(body) == Intent.START


@pytest.mark.parametrize("body", ["HELP", "help!!!", "Info", "info?", "AYUDA", "¡Ayuda!"])
def test_asking_who_we_are(body):
    assert read_intent(body) == Intent.HELP


@pytest.mark.parametrize(
    "body",
    [
        *("", " ", "\0", "\ud800", "👍", "...", "YES", "sí", "thanks", "ok"),
        *("when do we start", "I want to start over", "start the car", "subscribe to her pain"),
        *("please help me", "I need help with mom", "help me", "help with the pills", "ayúdenme"),
    ],
)
def test_nothing_of_the_kind(body):
    assert read_intent(body) == Intent.NONE


class TestTheProvidersOwnReading:
    @pytest.mark.parametrize("body", ["", "basta ya", "START", "HELP", "I can't stop crying"])
    @pytest.mark.parametrize(
        ("opt_out_type", "intent"),
        [
            *(("STOP", Intent.STOP), ("stop", Intent.STOP), ("Start", Intent.START)),
            *(("HELP", Intent.HELP), (" help ", Intent.HELP)),
        ],
    )
    def test_wins_over_the_words(self, body, opt_out_type, intent):
        assert read_intent(body, opt_out_type=opt_out_type) == intent

    @pytest.mark.parametrize("opt_out_type", ["", " ", "PAUSE", "NONE", "\0"])
    def test_is_ignored_where_it_is_not_known(self, opt_out_type):
        assert read_intent("please stop", opt_out_type=opt_out_type) == Intent.STOP
        assert read_intent("hello", opt_out_type=opt_out_type) == Intent.NONE


class TestKeywords:
    @pytest.mark.parametrize(
        "word",
        [
            *("STOP", "UNSUBSCRIBE", "END", "QUIT", "STOPALL", "CANCEL", "REVOKE", "OPTOUT"),
            *("START", "YES", "UNSTOP", "HELP", "INFO"),
        ],
    )
    def test_the_provider_acts_on(self, word):
        for body in (word, word.lower(), word.title(), f"  {word}\n"):
            assert is_keyword(body) is True

    @pytest.mark.parametrize(
        "body",
        ["", "stop please", "STOP.", "opt out", "stop all", "alto", "ayuda", "subscribe", "no"],
    )
    def test_the_provider_leaves_to_us(self, body):
        assert is_keyword(body) is False


@given(st.text(st.characters(), max_size=200), st.text(st.characters(), max_size=10))
def test_any_text_has_an_intent(body, opt_out_type):
    assert read_intent(body, opt_out_type=opt_out_type) in Intent
    assert is_keyword(body) in (True, False)


@given(st.lists(st.sampled_from(sorted(set((OPT_OUTS + NOT_OPT_OUTS).split()))), max_size=30))
def test_any_mixture_of_their_words_has_an_intent(words):
    assert read_intent(" ".join(words)) in (Intent.STOP, Intent.NONE)


@pytest.mark.parametrize(
    "unit",
    [
        *("a", " ", ".", ",", "\n", "a,", "a\n", "a. ", "\N{COMBINING ACUTE ACCENT}", "👍"),
        *("no thanks ", "wrong number ", "my mother passed away ", "she is ", "told, ", "it, "),
        *("stop ", "please ", "told me ", "please stop ", "any more ", "these texts ", "ya no "),
        "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}",  # eighteen characters once normalised
    ],
)
def test_a_text_of_a_megabyte_is_soon_read(unit):
    read_intent(unit * (1_000_000 // len(unit)))


def test_no_intent_is_the_empty_text_in_a_database():
    assert Intent.NONE == ""
    assert ("", "Ordinary text") in Intent.choices
