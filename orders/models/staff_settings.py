"""What staff have set for themselves."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from orders.rules.time_zones import LONGEST_ZONE, check_zone


class StaffSettings(models.Model):
    """Of one person; without a row all is as the storefronts have it. An empty `time_zone` is theirs too."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="staff_settings"
    )
    time_zone = models.CharField(max_length=LONGEST_ZONE, blank=True, default="", validators=[check_zone])

    def __str__(self) -> str:
        return str(self.time_zone)
