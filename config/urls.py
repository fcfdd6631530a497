"""Every address of Hearth."""

from allauth.account.models import EmailAddress
from allauth.headless.account.views import ConfirmLoginCodeView, LoginView, SessionView
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from accounts.api import Anyone
from config import health
from notifications import api as messages
from notifications import webhooks
from notifications.sign_in import RequestCode, readable
from pages.public import Support
from patients import api as patients
from patients.assessments import api as assessments
from scheduling import api as practice
from scheduling.calendar import api as calendar
from scheduling.calendar.models import Licence, Opening, TimeOff, WorkingHours
from scheduling.consultations import api as consultations
from scheduling.subscriptions import api as subscriptions

hours = [
    ("working-hours", calendar.WorkingHoursOf, WorkingHours),
    ("openings", calendar.OpeningsOf, Opening),
    ("time-off", practice.TimeOffOf, TimeOff),
    ("licences", calendar.LicencesOf, Licence),
]
of_physicians = [
    route
    for name, many, model in hours
    for route in (
        path(f"physicians/<uuid:pk>/{name}/", many.as_view()),
        path(
            f"physicians/<uuid:pk>/{name}/<uuid:row>/",
            calendar.RowOfPhysician.as_view(model=model),
        ),
    )
]
verbs = [
    path(f"consultations/<uuid:pk>/{verb}/", door.as_view())
    for verb, door in (
        ("confirm", consultations.Confirm),
        ("reschedule", consultations.Reschedule),
        ("cancel", consultations.Cancel),
        ("arrive", consultations.Arrive),
        ("complete", consultations.Complete),
        ("no-show", consultations.NoShow),
    )
]
api = [
    path("service-area/", patients.ServiceArea.as_view()),
    path("plans/", subscriptions.Plans.as_view()),
    path("physicians/", calendar.Physicians.as_view()),
    *of_physicians,
    path("slots/", calendar.Slots.as_view()),
    path("holds/", calendar.Holds.as_view()),
    path("holds/<uuid:pk>/", calendar.Hold.as_view()),
    path("assessments/", assessments.Assessments.as_view()),
    path("assessments/questions/", assessments.Questions.as_view()),
    path("assessments/drafts/", assessments.Drafts.as_view()),
    path("assessments/drafts/<uuid:pk>/", assessments.Draft.as_view()),
    path("assessments/drafts/<uuid:pk>/submit/", assessments.DraftSubmit.as_view()),
    path("assessments/<uuid:pk>/", assessments.AssessmentDetail.as_view()),
    path("me/", patients.Me.as_view()),
    path("me/address/", patients.MyAddress.as_view()),
    path("me/consents/", patients.MyConsents.as_view()),
    path("me/support-persons/", patients.MySupportPersons.as_view()),
    path("patients/", practice.Patients.as_view()),
    path("patients/<uuid:pk>/", practice.PatientDetail.as_view()),
    path("patients/<uuid:pk>/address/", practice.PatientAddress.as_view()),
    path("consultations/", consultations.Consultations.as_view()),
    path("consultations/<uuid:pk>/", consultations.ConsultationDetail.as_view()),
    path("consultations/<uuid:pk>/history/", consultations.ConsultationHistory.as_view()),
    *verbs,
    path("calendar/", practice.Calendar.as_view()),
    path("settings/", practice.Settings.as_view()),
    path("work-items/", practice.WorkItems.as_view()),
    path("work-items/<uuid:pk>/claim/", practice.ClaimWorkItem.as_view()),
    path("work-items/<uuid:pk>/close/", practice.CloseWorkItem.as_view()),
    path("events/", practice.Events.as_view()),
    path("messages/", messages.Messages.as_view()),
    path("messages/<uuid:pk>/", messages.MessageDetail.as_view()),
    path("reminders/", messages.Reminders.as_view()),
    path("inbox/", messages.Inbox.as_view()),
]
# Of allauth's doors only these: the others change numbers, addresses and passwords.
sign_in = [
    path(name, readable(door.as_api_view(client="app")))
    for name, door in (
        ("code/request", RequestCode),
        ("code/confirm", ConfirmLoginCodeView),
        ("login", LoginView),
        ("session", SessionView),
    )
]
admin.site.unregister([EmailAddress, Group])  # what others register, and nobody needs
schema = {"permission_classes": [Anyone], "authentication_classes": []}
urlpatterns = [
    path("", RedirectView.as_view(url="/api/docs/")),
    path("api/v1/", include(api)),
    path("api/schema/", SpectacularAPIView.as_view(**schema), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(**schema, url_name="schema")),
    path("_allauth/app/v1/auth/", include(sign_in)),
    path("admin/", admin.site.urls),
    path("webhooks/twilio/status/", webhooks.status),
    path("webhooks/twilio/inbound/", webhooks.inbound),
    path("support/<str:token>", Support.as_view()),
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("problems/<slug:code>/", health.problem_page),
]
handler404 = health.nowhere
if settings.SANDBOX:
    urlpatterns.append(path("sandbox/", include("notifications.sandbox.urls")))
