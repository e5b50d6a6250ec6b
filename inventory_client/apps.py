from django.apps import AppConfig


class InventoryClientConfig(AppConfig):
    name = "inventory_client"
    label = "inventory_client"
    verbose_name = "Inventory"
