"""Signatures against values that the `openssl` command gave for the same."""

from proactive.hooks import signing

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'


def test_it_signs_as_the_standard_has_it():
    # The example of the reference implementations, svix's and that of standard-webhooks.
    found = signing.headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", seconds=1614265330, body=BODY, secrets=[SECRET]
    )

    assert found == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_with_two_secrets_it_signs_with_each():
    other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    both, one, two = (
        signing.headers("id", seconds=1, body=BODY, secrets=secrets)["webhook-signature"]
        for secrets in ([SECRET, other], [SECRET], [other])
    )

    assert both == f"{one} {two}"
    assert one != two
