from django.apps import AppConfig


class CustomerClientConfig(AppConfig):
    name = "customer_client"
    label = "customer_client"
    verbose_name = "Customers"
