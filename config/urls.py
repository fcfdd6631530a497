"""Every address of Hearth."""

from allauth.account.models import EmailAddress
from allauth.headless.account import views as account
from allauth.headless.mfa import views as mfa
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from accounts.api import Anyone
from accounts.people import api as people
from config import health
from notifications import api as messages
from notifications import webhooks
from notifications.sign_in import (
    ConfirmCode,
    Login,
    RequestCode,
    keyed,
    of_passkeys,
    readable,
    tried,
)
from pages import page
from pages import sign_in as sign_in_pages
from pages.urls import urls as pages
from patients import api as patients
from patients.assessments import api as assessments
from patients.contacts import api as contacts
from rights import api as rights
from scheduling import api as practice
from scheduling.calendar import api as calendar
from scheduling.calendar.models import Licence, Opening, TimeOff, WorkingHours
from scheduling.consultations import api as consultations
from scheduling.deliveries import api as deliveries
from scheduling.deliveries import many
from scheduling.deliveries.carrier import api as carrier
from scheduling.deliveries.windows import api as windows
from scheduling.prescriptions import api as prescriptions
from scheduling.sessions import api as sessions
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
        ("note", consultations.KeepNote),
        ("complete", consultations.Complete),
        ("no-show", consultations.NoShow),
        ("decide", consultations.Decide),
        ("correct", consultations.Correct),
    )
]
of_chain = [
    path("subscriptions/", subscriptions.Subscriptions.as_view()),
    path("subscriptions/<uuid:pk>/", subscriptions.SubscriptionDetail.as_view()),
    path("subscriptions/<uuid:pk>/pause/", subscriptions.Pause.as_view()),
    path("subscriptions/<uuid:pk>/resume/", subscriptions.Resume.as_view()),
    path("subscriptions/<uuid:pk>/cancel/", subscriptions.Cancel.as_view()),
    path("subscriptions/<uuid:pk>/change-plan/", subscriptions.ChangePlan.as_view()),
    path(
        "subscriptions/<uuid:pk>/periods/<int:number>/mark-paid/", subscriptions.MarkPaid.as_view()
    ),
    path("periods/<uuid:pk>/correct/", subscriptions.CorrectPeriod.as_view()),
    path("prescriptions/", prescriptions.Prescriptions.as_view()),
    path("prescriptions/<uuid:pk>/end/", prescriptions.EndPrescription.as_view()),
    path("delivery-zones/", windows.Zones.as_view()),
    path("delivery-zones/<uuid:pk>/", windows.ZoneDetail.as_view()),
    path("delivery-zones/<uuid:pk>/take-counties/", windows.TakeCounties.as_view()),
    path("delivery-windows/", windows.Windows.as_view()),
    path("delivery-windows/<uuid:pk>/", windows.WindowDetail.as_view()),
    path("holidays/", windows.Holidays.as_view()),
    path("holidays/<uuid:pk>/", windows.HolidayDetail.as_view()),
    path("closures/", deliveries.Closures.as_view()),
    path("closures/<uuid:pk>/", windows.ClosureDetail.as_view()),
    path("deliveries/", deliveries.Deliveries.as_view()),
    path("deliveries/bulk/", many.Bulk.as_view()),
    path("deliveries/tracking/", many.Tracking.as_view()),
    path("deliveries/<uuid:pk>/", deliveries.DeliveryDetail.as_view()),
    path("deliveries/<uuid:pk>/custody/", deliveries.Custody.as_view()),
    path("deliveries/<uuid:pk>/choose-window/", deliveries.ChooseWindow.as_view()),
    path("deliveries/<uuid:pk>/no-signer/", deliveries.NoSigner.as_view()),
    path("deliveries/<uuid:pk>/confirm-receipt/", deliveries.ConfirmReceipt.as_view()),
    path("deliveries/<uuid:pk>/correct/", deliveries.Correct.as_view()),
    path("deliveries/<uuid:pk>/replace/", deliveries.Replace.as_view()),
    *(
        path(f"deliveries/<uuid:pk>/{verb}/", door.as_view())
        for verb, door in deliveries.VERBS.items()
    ),
    path("session-times/", sessions.SessionTimes.as_view()),
    path("sessions/", sessions.Sessions.as_view()),
    path("sessions/<uuid:pk>/", sessions.SessionDetail.as_view()),
    path("sessions/<uuid:pk>/reschedule/", sessions.Reschedule.as_view()),
    path("sessions/<uuid:pk>/cancel/", sessions.Cancel.as_view()),
    path("sessions/<uuid:pk>/pre-check/", sessions.PreCheck.as_view()),
    path("sessions/<uuid:pk>/start/", sessions.Start.as_view()),
    path("sessions/<uuid:pk>/finish/", sessions.Finish.as_view()),
    path("sessions/<uuid:pk>/check-in/", sessions.CheckIn.as_view()),
]
api = [
    path("service-area/", patients.ServiceArea.as_view()),
    path("practice/", people.PracticeDoor.as_view()),
    path("practice/on-call/", people.OnCall.as_view()),
    path("plans/", subscriptions.Plans.as_view()),
    path("plans/<uuid:pk>/withdraw/", subscriptions.WithdrawPlan.as_view()),
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
    path("me/accesses/", patients.MyAccesses.as_view()),
    path("me/exports/", rights.MyExports.as_view()),
    path("me/exports/<uuid:pk>/", rights.MyExport.as_view()),
    path("me/amendments/", rights.MyAmendments.as_view()),
    path("amendments/<uuid:pk>/answer/", rights.AnswerAmendment.as_view()),
    path("patients/<uuid:pk>/amendments/", rights.PatientAmendments.as_view()),
    path("patients/<uuid:pk>/legal-hold/", rights.LegalHoldOf.as_view()),
    path("me/address/", patients.MyAddress.as_view()),
    path("me/consents/", patients.MyConsents.as_view()),
    path("me/phone/", contacts.MyPhone.as_view()),
    path("me/phone/confirm/", contacts.ConfirmPhone.as_view()),
    path("me/email/", contacts.MyEmail.as_view()),
    path("me/email/confirm/", contacts.ConfirmEmail.as_view()),
    path("me/reauthenticate/", contacts.ShowAgain.as_view()),
    path("me/reauthenticate/confirm/", contacts.ConfirmAgain.as_view()),
    path("me/sessions/", people.MySessions.as_view()),
    path("me/sessions/<int:pk>/", people.MySession.as_view()),
    path("me/tokens/", people.MyTokens.as_view()),
    path("me/tokens/<uuid:pk>/", people.MyToken.as_view()),
    path("users/", people.Users.as_view()),
    path("users/<uuid:pk>/deactivate/", calendar.Deactivate.as_view()),
    path("users/<uuid:pk>/reactivate/", calendar.Reactivate.as_view()),
    path("users/<uuid:pk>/role/", calendar.ChangeRole.as_view()),
    path("users/<uuid:pk>/reset-factors/", people.ResetFactors.as_view()),
    path("users/<uuid:pk>/password-link/", people.SendPasswordLink.as_view()),
    path("users/<uuid:user>/sessions/", people.SessionsOf.as_view()),
    path("users/<uuid:user>/sessions/<int:pk>/", people.SessionOf.as_view()),
    path("users/<uuid:user>/tokens/", people.TokensOf.as_view()),
    path("users/<uuid:user>/tokens/<uuid:pk>/", people.TokenOf.as_view()),
    path("invitations/", people.Invitations.as_view()),
    path("invitations/accept/", calendar.Join.as_view()),
    path("invitations/<uuid:pk>/", people.Invitation.as_view()),
    path("me/support-persons/", patients.MySupportPersons.as_view()),
    path("me/timeline/", practice.MyTimeline.as_view()),
    path("support-persons/<str:token>/confirm/", patients.ConfirmSupport.as_view()),
    path("patients/", practice.Patients.as_view()),
    path("patients/<uuid:pk>/", practice.PatientDetail.as_view()),
    path("patients/<uuid:pk>/break-glass/", patients.BreakGlass.as_view()),
    path("patients/<uuid:pk>/contact/", contacts.PatientContact.as_view()),
    path("patients/<uuid:pk>/address/", practice.PatientAddress.as_view()),
    path("patients/<uuid:pk>/text-hours/", patients.PatientTextHours.as_view()),
    path("patients/<uuid:pk>/consents/", patients.PatientConsents.as_view()),
    path("patients/<uuid:pk>/support-persons/", patients.PatientSupportPersons.as_view()),
    path("patients/<uuid:pk>/identity-checks/", patients.IdentityChecks.as_view()),
    path("patients/<uuid:pk>/clinical-holds/", patients.ClinicalHolds.as_view()),
    path("patients/<uuid:pk>/prescriptions/", prescriptions.PatientPrescriptions.as_view()),
    path("patients/<uuid:pk>/timeline/", practice.TimelineOf.as_view()),
    path("clinical-holds/<uuid:pk>/clear/", patients.ClearHold.as_view()),
    path("consultations/", consultations.Consultations.as_view()),
    path("consultations/<uuid:pk>/", consultations.ConsultationDetail.as_view()),
    path("consultations/<uuid:pk>/history/", consultations.ConsultationHistory.as_view()),
    *verbs,
    *of_chain,
    path("calendar/", practice.Calendar.as_view()),
    path("settings/", practice.Settings.as_view()),
    path("rules/", practice.Rules.as_view()),
    path("work-items/", practice.WorkItems.as_view()),
    path("work-items/<uuid:pk>/claim/", practice.ClaimWorkItem.as_view()),
    path("work-items/<uuid:pk>/close/", practice.CloseWorkItem.as_view()),
    path("work-items/<uuid:pk>/approve/", practice.ApproveWorkItem.as_view()),
    path("events/", practice.Events.as_view()),
    path("messages/", messages.Messages.as_view()),
    path("messages/pause/", messages.PauseMessages.as_view()),
    path("messages/resume/", messages.ResumeMessages.as_view()),
    path("messages/<uuid:pk>/", messages.MessageDetail.as_view()),
    path("messages/<uuid:pk>/cancel/", messages.CancelMessage.as_view()),
    path("messages/<uuid:pk>/resend/", messages.ResendMessage.as_view()),
    path("patients/<uuid:pk>/opt-out/", messages.OptOutOf.as_view()),
    path("reminders/", messages.Reminders.as_view()),
    path("inbox/", messages.Inbox.as_view()),
]
# Of allauth's doors only these: the others change numbers and addresses, past our rules, or let
# somebody sign up or set a password by mail. What changes how somebody signs in is `keyed`.
doors = {
    "auth/code/request": RequestCode,
    "auth/code/confirm": ConfirmCode,
    "auth/login": Login,
    "auth/session": account.SessionView,
    "auth/reauthenticate": tried(account.ReauthenticateView),
    "auth/2fa/authenticate": tried(mfa.AuthenticateView),
    "auth/2fa/reauthenticate": tried(mfa.ReauthenticateView),
    "auth/webauthn/login": mfa.LoginWebAuthnView,
    "auth/webauthn/authenticate": mfa.AuthenticateWebAuthnView,
    "auth/webauthn/reauthenticate": mfa.ReauthenticateWebAuthnView,
    "account/authenticators": mfa.AuthenticatorsView,
    "account/authenticators/totp": keyed(mfa.ManageTOTPView, sets_up=True, of_patients=False),
    "account/authenticators/webauthn": keyed(mfa.ManageWebAuthnView, sets_up=True),
    "account/authenticators/recovery-codes": keyed(mfa.ManageRecoveryCodesView, of_patients=False),
    "account/password/change": keyed(account.ChangePasswordView, of_patients=False),
}
sign_in = [
    path(f"{client}/v1/{name}", readable(of_passkeys(door.as_api_view(client=client))))
    for client in settings.HEADLESS_CLIENTS
    for name, door in doors.items()
]
# What others register, and nobody needs, or may see.
admin.site.unregister([Authenticator, EmailAddress, Group, UserSession])
schema = {"permission_classes": [Anyone], "authentication_classes": []}
urlpatterns = [
    path("", include(pages)),
    path("api/v1/", include(api)),
    path("api/schema/", SpectacularAPIView.as_view(**schema), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(**schema, url_name="schema")),
    path("_allauth/", include(sign_in)),
    path("accounts/", include(sign_in_pages.urls)),
    path("admin/", admin.site.urls),
    path("webhooks/twilio/status/", webhooks.status),
    path("webhooks/twilio/inbound/", webhooks.inbound),
    path("webhooks/carrier/", carrier.Webhook.as_view()),
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("problems/<slug:code>/", health.problem_page),
]
handler400, handler403 = health.unreadable, page.forbidden
handler404, handler500 = health.nowhere, page.failed
if settings.SANDBOX:
    urlpatterns.append(path("sandbox/", include("notifications.sandbox.urls")))
