"""Addresses of physicians."""

from django.urls import path

from pages.physician.amendments import Amendments
from pages.physician.assessments import Assessments, OneAssessment
from pages.physician.consultation import Visit
from pages.physician.moving import Move
from pages.physician.patients import Chain, OnePatient, Patients
from pages.physician.prescriptions import Prescriptions
from pages.physician.settings import PracticeNumbers
from pages.physician.today import Today
from pages.physician.week import Week

urls = [
    path("physician/", Today.as_view(), name="today"),
    path("physician/assessments/", Assessments.as_view(), name="assessments"),
    path("physician/assessments/<uuid:pk>/", OneAssessment.as_view(), name="assessment"),
    path("physician/consultations/<uuid:pk>/", Visit.as_view(), name="consultation"),
    path("physician/patients/", Patients.as_view(), name="my-patients"),
    path("physician/patients/<uuid:pk>/", OnePatient.as_view(), name="my-patient"),
    path("physician/patients/<uuid:pk>/chain/", Chain.as_view(), name="chain-of"),
    path(
        "physician/patients/<uuid:pk>/prescriptions/",
        Prescriptions.as_view(),
        name="prescriptions-of",
    ),
    path("physician/patients/<uuid:pk>/amendments/", Amendments.as_view(), name="amendments-of"),
    path("physician/settings/", PracticeNumbers.as_view(), name="physician-settings"),
    path("physician/week/", Week.as_view(), name="week"),
    path("physician/consultations/<uuid:pk>/move/", Move.as_view(), name="move"),
]
