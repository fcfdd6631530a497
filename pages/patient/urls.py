"""Addresses of patients."""

from django.urls import path

from pages.patient.agreements import Agreements
from pages.patient.appointment import AddToCalendar, Appointment
from pages.patient.care import Care
from pages.patient.contacts import NewEmail, NewPhone
from pages.patient.deliveries import AllDeliveries, OneDelivery
from pages.patient.messages import MyMessages
from pages.patient.plan import MyPlan
from pages.patient.record import Record
from pages.patient.rights import AskForCopy, MyAmendments
from pages.patient.sessions import AllSessions, MoveSession, OneSession, PlanSession
from pages.patient.settings import MyAddress, Settings
from pages.patient.support import Support

urls = [
    path("care/", Care.as_view(), name="care"),
    path("care/appointments/<uuid:pk>/", Appointment.as_view(), name="appointment"),
    path(
        "care/appointments/<uuid:pk>/appointment.ics",
        AddToCalendar.as_view(),
        name="appointment-file",
    ),
    path("care/agreements/", Agreements.as_view(), name="agreements"),
    path("care/plan/", MyPlan.as_view(), name="plan"),
    path("care/deliveries/", AllDeliveries.as_view(), name="deliveries"),
    path("care/deliveries/<uuid:pk>/", OneDelivery.as_view(), name="delivery"),
    path("care/sessions/", AllSessions.as_view(), name="sessions"),
    path("care/sessions/plan/", PlanSession.as_view(), name="session-plan"),
    path("care/sessions/<uuid:pk>/", OneSession.as_view(), name="session"),
    path("care/sessions/<uuid:pk>/move/", MoveSession.as_view(), name="session-move"),
    path("care/support/", Support.as_view(), name="support-person"),
    path("care/record/", Record.as_view(), name="record"),
    path("care/record/copy/", AskForCopy.as_view(), name="record-copy"),
    path("care/record/amendments/", MyAmendments.as_view(), name="amendments"),
    path("care/settings/", Settings.as_view(), name="my-settings"),
    path("care/settings/address/", MyAddress.as_view(), name="my-address"),
    path("care/settings/phone/", NewPhone.as_view(), name="my-phone"),
    path("care/settings/email/", NewEmail.as_view(), name="my-email"),
    path("care/settings/messages/", MyMessages.as_view(), name="my-messages"),
]
