"""Which admin there is; of its own, since Django reads it before any app is there."""

from django.contrib.admin.apps import AdminConfig


class Config(AdminConfig):
    default_site = "accounts.site.Site"
