"""Where a parcel can be followed."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from orders.models import Storefront

# By the carrier's name in lower case. A storefront's own carriers go before these.
_WELL_KNOWN: Final = {
    "australia post": "https://auspost.com.au/mypost/track/details/{tracking_number}",
    "correios": "https://rastreamento.correios.com.br/app/index.php?objetos={tracking_number}",
    "dhl": "https://www.dhl.com/global-en/home/tracking.html?tracking-id={tracking_number}",
    "dpd": "https://tracking.dpd.de/parcelstatus?query={tracking_number}",
    "fedex": "https://www.fedex.com/fedextrack/?trknbr={tracking_number}",
    "gls": "https://gls-group.eu/track/{tracking_number}",
    "royal mail": "https://www.royalmail.com/track-your-item#/tracking-results/{tracking_number}",
    "ups": "https://www.ups.com/track?tracknum={tracking_number}",
    "usps": "https://tools.usps.com/go/TrackConfirmAction?tLabels={tracking_number}",
}
_MAX_LINK: Final = 500


def tracking_link(storefront: Storefront, company: str | None, number: str | None) -> str | None:
    """The address at which the carrier tells of the parcel; None when carrier or number are not known."""
    if not company or not number:
        return None
    name = company.strip().lower()
    own = storefront.carriers.filter(name__iexact=name).values_list("tracking_link_template", flat=True).first()
    template = own or _WELL_KNOWN.get(name)
    if template is None:
        return None
    link = template.replace("{tracking_number}", quote(number, safe=""))
    return link if len(link) <= _MAX_LINK else None
