"""The addresses below /sandbox/."""

from django.urls import path

from notifications.sandbox import twilio_api, views

account = "2010-04-01/Accounts/<str:account>/Messages"
urlpatterns = [
    path(f"{account}.json", twilio_api.messages),
    path(f"{account}/<str:sid>.json", twilio_api.message),
    path("messages/", views.messages),
    path("reply/", views.reply),
    path("authenticators/", views.authenticators),
    path("faults/", views.faults),
    path("clock/", views.move_clock),
    path("", views.phone),
]
