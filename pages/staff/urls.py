"""Addresses of staff."""

from django.urls import path

from pages.staff import booking, callers, care, contact, settings, texts, work
from pages.staff.board import BoardPage
from pages.staff.papers import Papers
from pages.staff.parcel import Choose, Parcel
from pages.staff.patients import Patients
from pages.staff.person import Person
from pages.staff.windows import Closures, Holidays, Windows, Zones

of_patient = {
    "assessment": callers.Assess,
    "crisis": callers.Crisis,
    "book": booking.Book,
    "plan": care.PlanOf,
    "window": care.WindowOf,
    "sessions": care.SessionsOf,
    "contact": contact.ContactOf,
    "address": contact.AddressOf,
    "consents": contact.ConsentsOf,
    "support": contact.SupportOf,
    "texts": texts.Thread,
}
urls = [
    path("staff/callers/new/", callers.NewCaller.as_view(), name="new-caller"),
    path("staff/patients/", Patients.as_view(), name="patients"),
    path("staff/patients/<uuid:pk>/", Person.as_view(), name="patient"),
    *(
        path(f"staff/patients/<uuid:pk>/{name}/", page.as_view(), name=f"patient-{name}")
        for name, page in of_patient.items()
    ),
    path("staff/consultations/<uuid:pk>/", booking.Meeting.as_view(), name="staff-consultation"),
    path("staff/texts/", texts.Texts.as_view(), name="texts"),
    path("staff/texts/sent/", texts.Sent.as_view(), name="texts-sent"),
    path("staff/texts/<uuid:pk>/", texts.Text.as_view(), name="staff-text"),
    path("staff/work/", work.Work.as_view(), name="work"),
    path("staff/work/<uuid:pk>/", work.WorkItemPage.as_view(), name="work-item"),
    path("staff/settings/", settings.Settings.as_view(), name="staff-settings"),
    path("staff/", BoardPage.as_view(), name="board"),
    path("staff/deliveries/<uuid:pk>/", Parcel.as_view(), name="parcel"),
    path("staff/deliveries/<uuid:pk>/window/", Choose.as_view(), name="choose"),
    path("staff/papers/<slug:kind>.<slug:shape>", Papers.as_view(), name="papers"),
    path("staff/windows/", Windows.as_view(), name="windows"),
    path("staff/windows/closures/", Closures.as_view(), name="closures"),
    path("staff/windows/holidays/", Holidays.as_view(), name="holidays"),
    path("staff/windows/zones/", Zones.as_view(), name="zones"),
]
