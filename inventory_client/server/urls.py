from django.urls import path, re_path

from inventory_client.server import views

urlpatterns = [
    path("reservations", views.route(get=views.list_reservations)),
    path(
        "reservations/<uuid:reservation_id>",
        views.route(get=views.get_reservation, put=views.put_reservation, delete=views.delete_reservation),
    ),
    path("reservations/<uuid:reservation_id>/confirm", views.route(post=views.confirm_reservation)),
    # All that stands there is meant as a product id; a path converter would end at a line break.
    re_path(r"^stock/(?P<product_id>[\s\S]+)\Z", views.route(get=views.get_stock, put=views.put_stock)),
    path("healthz", views.route(public=True, get=views.healthz)),
    path("openapi.yaml", views.route(public=True, get=views.openapi)),
    # Django's own 404 page would be HTML.
    re_path("", views.nothing_here),
]
