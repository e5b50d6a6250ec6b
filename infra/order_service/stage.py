"""One stage: five stacks that are deployed together, in this order."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from order_service.acknowledged import acknowledge
from order_service.data import Data
from order_service.events import Events
from order_service.network import Network
from order_service.service import Service
from order_service.watch import Watch
from stages import Settings


class OrderService(cdk.Stage):
    """Without an account it fits any; without an image the one in this checkout is built when it is deployed."""

    def __init__(self, scope: Construct, settings: Settings, *, account: str | None = None, image: str | None = None):
        env = cdk.Environment(account=account, region=settings.region)
        super().__init__(scope, settings.name, env=env)
        self.network = Network(self, "Network", settings=settings)
        self.data = Data(self, "Data", settings=settings, network=self.network)
        self.events = Events(self, "Events", settings=settings)
        self.service = Service(
            self, "Service", settings=settings, network=self.network, data=self.data, events=self.events, image=image
        )
        self.watch = Watch(self, "Watch", settings=settings, data=self.data, events=self.events, service=self.service)
        acknowledge(self, settings)
        cdk.Tags.of(self).add("service", "orders")
        cdk.Tags.of(self).add("stage", settings.name)
