"""What Twilio's error codes mean for us, in words that staff read.

Twilio's own messages quote the recipient's number, so they are never passed on. Codes come with a
refused submission or, later, with a status callback; the meanings are those of Twilio's error
dictionary (https://www.twilio.com/docs/api/errors), except where marked "from memory".
"""

from proactive.sms.gateway import Outcome

MEANINGS: dict[Outcome, dict[int, str]] = {
    Outcome.OPTED_OUT: {
        21610: "The person has opted out by texting STOP to our number",
    },
    # About this number or these words: the next person's text is not touched.
    Outcome.REJECTED: {
        21211: "The number is not a valid phone number",
        21214: "The number cannot be reached",
        21217: "The number does not appear to be valid",
        21265: "The number is a short code, which cannot receive our texts",  # from memory
        21266: "The number is the one that we send from",  # from memory
        21268: "The number is a premium or information service",
        # Geographic permissions are a setting of ours, and yet no reason to stop everybody's
        # texts: the code is about one number's country, which may also be closed for good.
        21408: "Texts to this number's country are not enabled at Twilio",
        21602: "The text has no words",
        21604: "The text has no number to go to",
        21612: "The number cannot be reached from our sender",
        21614: "The number cannot receive texts",
        21617: "The text is longer than 1600 characters",
        21618: "Twilio does not send these words",
        21619: "The text has no words",
        21635: "The number is a landline",
        30003: "The phone is switched off or out of reach",
        30004: "The number blocks our texts",
        30005: "The number is unknown or no longer in service",
        30006: "The number is a landline, or its carrier cannot be reached",
        30007: "The text was filtered as unwanted: review the words",
        30008: "The carrier did not deliver it and gave no reason",
        30017: "The carrier's network was congested",
        30019: "The text is longer than the carrier accepts",
        30022: "The carrier's rate limit was exceeded",
        30023: "The carrier's daily limit was reached",
        30027: "The carrier's daily limit was reached",
        30036: "The text expired before the carrier could deliver it",
        30039: "The text was held back to prevent a loop of answers",
        30410: "The carrier did not answer in time",
    },
    # About our account or sender: every text would fail alike until somebody mends it.
    Outcome.MISCONFIGURED: {
        10001: "Our Twilio account is not active",
        10002: "Our Twilio account is a trial account, which lacks this feature",
        20003: "Twilio does not accept our account SID and token",
        20004: "Twilio does not know this request: check TWILIO_API_BASE_URL",
        20005: "Our Twilio account is not active",
        20006: "Our Twilio credentials are not allowed to send",
        20008: "Our Twilio credentials are test credentials",
        20151: "Twilio does not accept our account SID and token",
        20403: "Our Twilio credentials are not allowed to send",
        20404: "Twilio does not know our account SID",
        21210: "Our sender's number is not verified at Twilio",
        21212: "Our sender's number is not valid",
        21470: "Our Twilio account SID is not valid",
        21471: "Twilio does not know our account",
        21472: "Our Twilio account is not active",
        21603: "Neither a sender's number nor a messaging service is set",
        21606: "Our sender's number cannot send texts",
        21607: "Our Twilio account is a trial account with another sender's number",
        21608: "Our Twilio account is a trial account, which texts verified numbers only",
        21609: "Twilio does not accept our status address: check PUBLIC_BASE_URL",
        21616: "Our sender's number stands for several numbers of our account",
        21657: "Our sender is not valid",
        21659: "Our sender's number is not a Twilio number",
        21660: "Our sender's number belongs to another Twilio account",
        21661: "Our sender's number cannot send texts",
        21663: "Our sender's number is not routed correctly at Twilio",
        21701: "The messaging service does not exist",
        21702: "The messaging service is not available",
        21703: "The messaging service has no number available to send from",
        21704: "The messaging service has no numbers",
        21705: "The messaging service SID is not valid",
        30002: "Our Twilio account is suspended",
        30024: "Our sender's number is not set up at the carrier",
        30032: "Our toll-free number is not verified",
        30033: "Our texting campaign (US A2P 10DLC) is suspended",
        30034: "Our sender's number is not registered (US A2P 10DLC)",
        30035: "Our sender's number is still being set up (US A2P 10DLC)",
        30037: "Sending is switched off for our Twilio account",
    },
    Outcome.BUSY: {
        20429: "Twilio asked us to slow down",
        21611: "Our sender's queue at Twilio is full",
        30001: "Our queue at Twilio is full",
        63038: "Our Twilio account reached its daily limit",  # from memory
    },
}

# Of those: no text will ever reach this number.
DEAD_NUMBER = frozenset(
    str(code) for code in (21211, 21214, 21217, 21265, 21268, 21612, 21614, 21635, 30005, 30006)
)

# By the code as it is written: what a callback brings need not be a number.
_BY_CODE = {
    str(code): (outcome, says)
    for outcome, codes in MEANINGS.items()
    for code, says in codes.items()
}


def say(code: int | str) -> str:
    """The sentence for one of Twilio's codes, such as "The number is a landline (21635)"."""
    known = _BY_CODE.get(str(code))
    return f"{known[1] if known else 'Twilio reports an error'} ({code})"


def outcome_of(code: int | str) -> Outcome | None:
    """What one of Twilio's codes means for the text; None for a code that we do not know."""
    known = _BY_CODE.get(str(code))
    return known[0] if known else None


def read_refusal(status: int, code: int | None) -> tuple[Outcome, str]:
    """What an HTTP `status` other than 2xx, with Twilio's `code` if it gave one, means.

    The sentence holds neither number nor words of a text.
    """
    # The status first: 429 is never processed, whatever the code; after 408 or 5xx nobody can
    # tell, and another attempt might be a duplicate.
    if status == 429:
        return Outcome.BUSY, say(code if code in MEANINGS[Outcome.BUSY] else 20429)
    if 400 <= status < 500 and status != 408:
        if code is not None and (outcome := outcome_of(code)):
            return outcome, say(code)
        # Refused before anybody looked at the text: not our account, not allowed, or not Twilio.
        if status in (401, 403, 404, 405, 407):
            return Outcome.MISCONFIGURED, f"Twilio does not let us in ({code or f'HTTP {status}'})"
        return Outcome.REJECTED, f"Twilio refused the text ({code or f'HTTP {status}'})"
    return Outcome.UNKNOWN, f"Twilio answered with an error of its own (HTTP {status})"
