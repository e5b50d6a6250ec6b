"""What the sign-in page asks, and when the answer is looked at."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from unfold.forms import AuthenticationForm

from orders_project.client_address import client_address
from orders_project.password_hashing import HashingBusy, for_stranger
from orders_project.sign_in.attempts import Attempt
from orders_project.sign_in.known_devices import Device


class SignInForm(AuthenticationForm):
    """Raises SignInPaused and HashingBusy, which `SignInMiddleware` answers."""

    def clean(self) -> dict[str, Any]:
        username, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if not (username and password):
            cleaned: dict[str, Any] = super().clean()
            return cleaned
        device = Device.of(self.request)
        attempt = Attempt.at_password(username, address=client_address(self.request.META), device=device)
        attempt.begin()
        try:
            with nullcontext() if device.knows(username) else for_stranger():
                cleaned = super().clean()
        except HashingBusy:
            attempt.take_back()
            raise
        attempt.succeed()
        self.request.signed_in_from = device.with_user(username)
        return cleaned
