import pytest

from orders.models import Order
from tests.base import perform
from tests.orders.admin.conftest import listed

LIST = "/admin/orders/order/"


@pytest.fixture
def search(admin):
    return lambda term, **filters: listed(admin.get(LIST, {"q": term, **filters}))


def test_finds_an_order_by_its_id(search, order_in):
    order = order_in("pending")
    order_in("pending")

    assert search(str(order.pk)) == [order.number]
    assert search(f"  {str(order.pk).upper()} ") == [order.number]
    assert search("01a20691-d455-7421-9d19-ae886a27e193") == []


def test_finds_an_order_by_its_number_or_how_it_begins(search, order_in):
    order, other = order_in("pending"), order_in("pending")

    assert search(order.number) == [order.number]
    assert search(order.number.lower()) == [order.number]
    assert order.number in search(order.number[:6])
    assert search("AU-") == [other.number, order.number]
    assert search("NZ-7K3") == []


def test_a_number_is_found_without_its_prefix_or_its_dash_and_with_blanks(search, order_in):
    order = order_in("pending")
    order_in("pending")
    prefix, ending = order.number.split("-")

    for text in (
        f"#{order.number}",
        ending,
        ending.lower(),
        f"{prefix}{ending}",
        f" # {prefix} - {ending} ",
        ending[:7],
    ):
        assert search(text) == [order.number], text


def test_a_customer_is_found_by_a_uuid_in_whatever_form_and_by_what_looks_like_an_address(search, order_in):
    uuid = "6f1f9e0c-3b1f-4d5e-9a54-27d1c1d0b1c5"
    order = order_in("pending", customer_id=uuid)
    other = order_in("pending", customer_id=uuid.replace("-", "")[::-1])
    mail = order_in("pending", customer_id="ada@crm")

    for text in (uuid, uuid.upper(), uuid.replace("-", ""), uuid.replace("-", "").upper()):
        assert search(text) == [order.number], text
    assert search(other.customer_id.upper()) == [other.number]
    assert search("ADA@crm") == [mail.number]


def test_finds_orders_by_the_words_of_a_name_and_by_postal_code(search, api, stock):
    stock(cup=9)

    def place(**address):
        body = {"customer_id": "c", "items": [{"product_id": "cup", "quantity": 1}]} | address
        return api.post("/api/v1/orders", body, content_type="application/json").json()["number"]

    ada = place(shipping_address={"name": "Ada O’Brien-Lovelace", "postal_code": "SW1A 1AA", "country": "GB"})
    eve = place(billing_address={"name": "Eve MÜLLER", "postal_code": "3000-123", "country": "PT"})
    place(shipping_address={"city": "Lovelace"})

    for text in ("lovelace", "ADA  lovelace", "o'brien", "Lovelace, Ada", "sw1a 1aa", "SW1A1AA", "ada sw1a1aa"):
        assert search(text) == [ada], text
    for text in ("müller", "Eve Müller", "3000-123", "3000123", "eve 3000"):
        assert search(text) == [eve], text
    for text in ("love", "ada müller", "perth", "'", "a & ! b"):
        assert search(text) == [], text


def test_finds_orders_by_product_and_by_payment_reference(search, sold):
    order, other = sold(), sold("confirm")
    perform("record_payment", order.pk, kind="capture", amount=500, psp="stripe", psp_reference="pi_3QABC")
    perform("record_payment", other.pk, kind="capture", amount=500, psp="adyen", psp_reference="8837")

    assert search("pi_3QABC") == search(" pi_3QABC ") == [order.number]
    assert search("8837") == [other.number]
    assert search("CUP") == [other.number, order.number]


def test_the_first_guess_with_an_order_is_taken_and_the_others_stay_within_reach(admin, order_in, search):
    customer = order_in("pending", customer_id="cup")
    other = order_in("pending")

    page = admin.get(LIST, {"q": "cup"})

    assert listed(page) == [customer.number]
    assert "“cup” is taken for the customer id. It is also:" in page.content.decode()
    assert [what for what, _ in page.context["searched"]["others"]] == ["product id"]
    assert listed(admin.get(f"{LIST}?{page.context['searched']['others'][0][1]}")) == [other.number, customer.number]


def test_one_hit_opens_the_order_and_none_says_what_was_tried(admin, order_in):
    order = order_in("pending")
    deleted = order_in("deleted")

    opened, none = admin.get(LIST, {"q": order.number}), admin.get(LIST, {"q": "0061 2555 01234"})
    hidden = admin.get(LIST, {"q": deleted.number})

    assert opened.headers["Location"] == f"{LIST}{order.pk}/change/"
    assert listed(none) == []
    html = none.content.decode()
    assert "Nothing is known by “0061 2555 01234”." in html
    assert "It was tried as order number, external reference, customer id, telephone number, tracking number," in html
    assert "Look among deleted orders too" in hidden.content.decode()
    assert listed(admin.get(f"{LIST}?{hidden.context['searched']['with_deleted']}")) == [deleted.number]


def test_a_search_within_filters_shows_the_list(search, admin, order_in):
    order = order_in("pending")

    page = admin.get(LIST, {"q": order.number, "status": "pending"})

    assert (page.status_code, listed(page)) == (200, [order.number])
    assert search(order.number, status="shipped") == []


def test_the_search_stands_on_every_page_for_whoever_may_see_orders(admin, order_in):
    order = order_in("pending")

    for path in ("/admin/", LIST, f"{LIST}{order.pk}/change/", f"{LIST}{order.pk}/cancel/", "/admin/auth/user/"):
        assert admin.get(path).content.decode().count('id="find-order"') == 1, path


def test_whoever_may_see_no_orders_has_nothing_to_search_them_with(staff):
    assert 'id="find-order"' not in staff(permissions=["view_stock"]).get("/admin/").content.decode()


def test_finds_orders_by_customer(search, order_in):
    order = order_in("pending", customer_id="Cus-77")
    order_in("pending", customer_id="Cus-7")

    for text in ("Cus-77", "cus-77", "CUS-77", " cus -77 "):
        assert search(text) == [order.number], text
    assert search("Cus-78") == []


def test_finds_an_order_by_external_reference(search, api, stock):
    stock(cup=5)
    order = api.post(
        "/api/v1/orders",
        {"customer_id": "c", "external_reference": "web-1", "items": [{"product_id": "cup", "quantity": 1}]},
        content_type="application/json",
    ).json()

    assert search("web-1") == [order["number"]]
    assert search("web-") == []


def test_finds_an_order_by_mail_address(search, api, stock):
    stock(cup=5)
    order = api.post(
        "/api/v1/orders",
        {
            "customer_id": "c",
            "contact": {"email": "ada@example.com"},
            "items": [{"product_id": "cup", "quantity": 1}],
        },
        content_type="application/json",
    ).json()

    assert search("ada@example.com") == [order["number"]]
    assert search("\u202aada@example.com\u202c\u200b") == [order["number"]]
    assert search("eva@example.com") == []


@pytest.mark.parametrize(
    "term",
    ["+61 2 5550 1234", "0061255501234", "(02) 5550-1234", "02 5550 1234", "5550 1234", "\u202a+61255501234\u202c"],
)
def test_finds_an_order_by_telephone_number_however_it_is_written(search, api, stock, term):
    stock(cup=5)
    numbers = [
        api.post(
            "/api/v1/orders",
            {
                "customer_id": "c",
                "contact": {"phone": phone},
                "shipping_address": {"country": "AU"},
                "items": [{"product_id": "cup", "quantity": 1}],
            },
            content_type="application/json",
        ).json()["number"]
        for phone in ("02 5550 1234", "02 5550 1235", "call me")
    ]

    assert search(term) == numbers[:1]
    assert search(f"{term}9") == []


def test_digits_are_a_customer_before_they_are_a_telephone_number(search, order_in):
    order, other = order_in("pending", customer_id="255501234"), order_in("pending")
    Order.objects.filter(pk=other.pk).update(contact_phone_e164="+61255501234")

    assert search("255501234") == [order.number]
    assert search("0255501234") == [other.number]


def test_finds_an_order_by_tracking_number(search, order_in):
    order = order_in("shipped")
    perform("track", order.pk, tracking_number="JD0140")

    assert search("JD0140") == [order.number]


def test_looks_only_at_what_the_filters_show(search, order_in):
    deleted = order_in("deleted")

    assert search(deleted.number) == []
    assert search(deleted.number, deleted="only") == [deleted.number]
    assert search(deleted.customer_id, deleted="shown") == [deleted.number]


@pytest.mark.parametrize("term", ["x" * 500, "%", "AU-%", "' or 1=1 --", "a@", "-", "😀"])
def test_odd_terms_find_nothing(search, order_in, term):
    order_in("pending")

    assert search(term) == []
