"""The admin: what it shows, and what it never does."""

from datetime import date

from django.contrib import admin as site
from django.test import Client

from accounts import sessions
from accounts.models import User
from records.models import Rule
from scheduling.models import DeliveryZone, Holiday, Plan
from tests.cast import CAST
from tests.conftest import Caller

LIST = "/admin/scheduling/plan/"


def signed_in(name: str) -> Client:
    """With a second factor: without, nobody is let in (`tests/attacks`)."""
    client = Client()
    user = User.objects.get(email=CAST[name])
    client.force_login(user, "allauth.account.auth_backends.AuthenticationBackend")
    session = client.session
    sessions.begin(session)
    session["account_authentication_methods_user"] = str(user.pk)
    sessions.show(session, user, "mfa")
    return client


def test_nothing_of_a_patient_s_care_is_there(now: object) -> None:
    shown = {model._meta.label for model in site.site._registry}
    ours = {name for name in shown if name.split(".")[0] in ("patients", "scheduling", "records")}
    assert ours == {
        "scheduling.Plan", "scheduling.DeliveryZone", "scheduling.Holiday", "records.Rule",
    }  # fmt: skip


def test_it_opens_for_administrators_alone(now: object) -> None:
    for path in (LIST, "/admin/scheduling/deliveryzone/", "/admin/scheduling/holiday/",
                 "/admin/records/rule/"):  # fmt: skip
        assert signed_in("admin").get(path).status_code == 200
        for name in ("sam", "chen", "alice"):
            assert signed_in(name).get(path).status_code == 302


def test_a_plan_keeps_its_price_and_a_rule_everything(now: object) -> None:
    admin, plan = signed_in("admin"), Plan.objects.earliest("monthly_price")
    sent = {
        "name": "Essential care", "monthly_price": "1", "currency": "EUR",
        "sessions_per_month": "4", "deliveries_per_month": "1", "is_offered": "on",
    }  # fmt: skip
    assert admin.post(f"{LIST}{plan.pk}/change/", sent).status_code == 302
    plan.refresh_from_db()
    assert (plan.name, str(plan.monthly_price), plan.currency) == (
        "Essential care",
        "250.00",
        "USD",
    )
    rule = Rule.objects.get()
    assert admin.post(f"/admin/records/rule/{rule.pk}/change/", {}).status_code == 403
    assert admin.post(f"/admin/records/rule/{rule.pk}/delete/", {}).status_code == 403
    following = {
        "code": rule.code, "state": "US", "valid_from": "2027-01-01", "text": "t", "source": "s",
    }  # fmt: skip
    assert admin.post("/admin/records/rule/add/", following).status_code == 302
    assert Rule.objects.get(valid_from=date(2027, 1, 1)).valid_to is None


def test_who_asks_the_api_for_the_admin_finds_nothing(alice: Caller) -> None:
    assert alice.get("admin/").status_code == 404


def test_zones_and_holidays_are_shown_alone(now: object) -> None:
    """Whom a change meets is marked by the doors of staff."""
    admin = signed_in("admin")
    zone, day = DeliveryZone.objects.get(name="Florida Panhandle"), Holiday.objects.earliest("day")
    for kind, pk in (("deliveryzone", zone.pk), ("holiday", day.pk)):
        path = f"/admin/scheduling/{kind}/"
        assert admin.get(f"{path}{pk}/change/").status_code == 200
        for verb in (f"{pk}/change/", f"{pk}/delete/", "add/"):
            assert admin.post(path + verb, {}).status_code == 403
    assert b"Bay" in admin.get(f"/admin/scheduling/deliveryzone/{zone.pk}/change/").content
