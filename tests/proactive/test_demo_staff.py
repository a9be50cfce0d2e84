"""Made-up staff beside made-up people: one for each role, in development only."""

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from proactive import demo
from proactive.admin.navigation import GROUPS
from tests.conftest import ROOT

pytestmark = pytest.mark.django_db

HOME = reverse("admin:index")
NAMES = ["demo", "demo-lead", "demo-nurse", "demo-viewer"]


def sign_in(client, name):
    return client.post(reverse("admin:login"), {"username": name, "password": "demo", "next": HOME})


@pytest.mark.parametrize("name", NAMES)
def test_each_signs_in_with_a_password_alone_and_sees_the_home_page(client, name):
    demo.seed_demo(caregivers=5)

    assert sign_in(client, name).url == HOME
    assert client.get(HOME).status_code == 200


def test_each_may_what_their_role_may():
    demo.seed_demo(caregivers=5)
    may = {
        user.username: [
            user.has_perm(permission)
            for permission in (
                "caregiving.view_caregiver",
                "caregiving.act_on_caregiver",
                "proactive.change_policy",
                "auth.change_user",
            )
        ]
        for user in User.objects.all()
    }

    assert may == {
        "demo": [True, True, True, True],
        "demo-lead": [True, True, True, False],
        "demo-nurse": [True, True, False, False],
        "demo-viewer": [True, False, False, False],
    }


def test_whoever_is_there_already_stays_as_they_are(client):
    nurse = User.objects.create_user("demo-nurse", password="another", is_staff=True)

    demo.seed_demo(caregivers=5)

    nurse.refresh_from_db()
    assert nurse.check_password("another")
    assert not nurse.groups.exists()


def test_nobody_is_created_where_demo_people_are_refused(settings):
    settings.DEMO_ALLOWED = False

    with pytest.raises(demo.DemoRefused):
        demo.seed_demo(caregivers=5)
    assert not User.objects.exists()


def test_what_the_screen_of_make_run_names_is_there():
    screen = (ROOT / "scripts" / "run_demo.py").read_text().split('SCREEN = """')[1]
    says = screen.partition("Look at")[2].partition("Or ask")[0]
    named = {line.strip().partition(":")[0] for line in says.splitlines() if ":" in line}
    titles = {item.title for _, items in GROUPS for item in items}

    assert len(named) == 6
    assert named <= titles
    assert all(name in screen.partition("Look at")[0] for name in NAMES)
