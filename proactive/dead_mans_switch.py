"""A sign of life to somebody outside, after each tick that went through.

A service such as healthchecks.io that hears nothing for some minutes tells a person, also when
this whole machine is gone.
"""

import logging
from urllib.request import Request, urlopen

from django.conf import settings

# The tick is done by then, but its worker is to be there for the next one.
TIMEOUT_SECONDS = 5.0

logger = logging.getLogger(__name__)


def call() -> bool:
    """GET DEAD_MANS_SWITCH_URL, if there is one; whether it was heard. Raises nothing.

    Whoever has the address can pretend that all is well: a failure is logged without it.
    """
    address = settings.DEAD_MANS_SWITCH_URL
    if not address:
        return False
    try:
        request = Request(address, headers={"User-Agent": "caregiver-outreach"})
        with urlopen(request, timeout=TIMEOUT_SECONDS):
            return True
    except Exception as error:
        # Whatever it is called: an address that cannot be, a name that nobody knows, an answer
        # that is none. Its text may repeat the address.
        logger.warning(
            "the dead man's switch (DEAD_MANS_SWITCH_URL) was not reached: %s",
            getattr(error, "code", None) or type(error).__name__,
        )
        return False
