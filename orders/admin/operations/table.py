"""Every operation that staff may do, in the order of the buttons."""

from __future__ import annotations

from typing import Final

from unfold.enums import ActionVariant

from orders.admin.operations.amend_form import AmendForm
from orders.admin.operations.details_form import DetailsForm
from orders.admin.operations.forms import (
    DecideRefundForm,
    DecideReturnForm,
    DeliverForm,
    ExtendForm,
    HoldForm,
    ReasonedForm,
    ReleaseHoldForm,
)
from orders.admin.operations.money_forms import CorrectPaymentForm, RecordPaymentForm, RequestRefundForm
from orders.admin.operations.staff_operation import Place, StaffOperation
from orders.admin.operations.unit_forms import (
    CancelForm,
    PackForm,
    ReceiveReturnForm,
    RequestReturnForm,
    ShipForm,
    TrackingForm,
)
from orders.rules.lifecycle import Operation

_TABLE: Final = (
    StaffOperation(
        name=Operation.CONFIRM,
        title="Confirm",
        title_many="Confirm selected orders",
        done="has been confirmed.",
        explanation="The order is accepted, and its stock stays held until it is shipped or canceled.",
        icon="check_circle",
        place=Place.HEADER,
        variant=ActionVariant.PRIMARY,
    ),
    StaffOperation(
        name=Operation.SHIP,
        title="Ship",
        title_many="Ship selected orders",
        done="has been shipped.",
        explanation="Units have left, in one parcel. Once a parcel has left, the addresses can no longer be changed.",
        icon="local_shipping",
        place=Place.HEADER,
        form_class=ShipForm,
        variant=ActionVariant.PRIMARY,
    ),
    StaffOperation(
        name=Operation.DELIVER,
        title="Deliver",
        title_many="Deliver selected orders",
        done="has been delivered.",
        explanation="A parcel has arrived.",
        icon="where_to_vote",
        place=Place.HEADER,
        form_class=DeliverForm,
        variant=ActionVariant.PRIMARY,
    ),
    StaffOperation(
        name=Operation.COMPLETE,
        title="Complete",
        title_many="Complete selected orders",
        done="has been completed.",
        explanation="The parcels have arrived, and the order is closed.",
        icon="task_alt",
        place=Place.HEADER,
        variant=ActionVariant.PRIMARY,
    ),
    StaffOperation(
        name=Operation.CHANGE_DETAILS,
        title="Change details",
        done="has been changed.",
        explanation="Note, tags, contact and addresses. Note and tags can be changed at any time.",
        icon="edit",
        place=Place.HEADER,
        form_class=DetailsForm,
    ),
    StaffOperation(
        name=Operation.HOLD,
        title="Hold up",
        title_many="Hold up selected orders",
        done="has been held up.",
        explanation="What the hold blocks is refused, to everybody, until the hold is released.",
        icon="pan_tool",
        place=Place.MENU,
        form_class=HoldForm,
    ),
    StaffOperation(
        name=Operation.EXTEND,
        title="Extend reservation",
        title_many="Extend the reservations of selected orders",
        done="has an extended reservation.",
        explanation="The order's stock stays held for longer. A hold that lasts longer already is not shortened.",
        icon="more_time",
        place=Place.MENU,
        form_class=ExtendForm,
    ),
    StaffOperation(
        name=Operation.AMEND,
        title="Amend items",
        done="has been amended.",
        explanation="Items of which nothing has been shipped can be changed, and products added. "
        "More stock is held before the order is changed; stock that is freed is given back.",
        icon="edit_note",
        place=Place.ITEMS,
        form_class=AmendForm,
    ),
    StaffOperation(
        name=Operation.PACK,
        title="Pack",
        title_many="Pack selected orders",
        done="has been packed.",
        explanation="A parcel is prepared. Its units stay open until it is shipped.",
        icon="package_2",
        place=Place.SHIPMENTS,
        form_class=PackForm,
    ),
    StaffOperation(
        name=Operation.TRACK,
        title="Tracking",
        done="has new tracking details.",
        explanation="How a parcel travels. It can be entered before the parcel leaves, and until it has arrived.",
        icon="pin_drop",
        place=Place.SHIPMENTS,
        form_class=TrackingForm,
    ),
    StaffOperation(
        name=Operation.RECORD_PAYMENT,
        title="Record payment",
        done="has a new payment record.",
        explanation="What the payment provider did. A record is kept for ever; what was recorded by mistake is taken "
        "back by another one.",
        icon="payments",
        place=Place.PAYMENTS,
        form_class=RecordPaymentForm,
    ),
    StaffOperation(
        name=Operation.CORRECT_PAYMENT,
        title="Take back payment",
        done="has a payment less.",
        explanation="A payment was recorded by mistake. It stays in sight and counts no more; its reference can be "
        "recorded again.",
        icon="undo",
        place=Place.PAYMENTS,
        form_class=CorrectPaymentForm,
    ),
    StaffOperation(
        name=Operation.REQUEST_REFUND,
        title="Request refund",
        done="has a new refund.",
        explanation="Captured money is to be given back. Much money needs somebody else's approval first.",
        icon="currency_exchange",
        place=Place.PAYMENTS,
        form_class=RequestRefundForm,
    ),
    StaffOperation(
        name=Operation.APPROVE_REFUND,
        title="Approve refund",
        title_many="Approve the refunds of selected orders",
        done="has an approved refund.",
        explanation="The refund is to be paid out. Nobody approves what they have requested themselves.",
        icon="thumb_up",
        place=Place.PART,
        form_class=DecideRefundForm,
    ),
    StaffOperation(
        name=Operation.REJECT_REFUND,
        title="Reject refund",
        title_many="Reject the refunds of selected orders",
        done="has a rejected refund.",
        explanation="The refund is not paid out. Its amount can be refunded otherwise.",
        icon="thumb_down",
        place=Place.PART,
        form_class=DecideRefundForm,
    ),
    StaffOperation(
        name=Operation.FAIL_REFUND,
        title="Refund failed",
        done="has a failed refund.",
        explanation="The payment provider could not pay the refund out. Its amount can be refunded anew.",
        icon="money_off",
        place=Place.PART,
        form_class=DecideRefundForm,
    ),
    StaffOperation(
        name=Operation.REQUEST_RETURN,
        title="Request return",
        done="has a new return.",
        explanation="Shipped units come back. Once the return is approved they can be received.",
        icon="assignment_return",
        place=Place.RETURNS,
        form_class=RequestReturnForm,
    ),
    StaffOperation(
        name=Operation.APPROVE_RETURN,
        title="Approve return",
        title_many="Approve the returns of selected orders",
        done="has an approved return.",
        explanation="The units may be sent back.",
        icon="thumb_up",
        place=Place.PART,
        form_class=DecideReturnForm,
    ),
    StaffOperation(
        name=Operation.REJECT_RETURN,
        title="Reject return",
        title_many="Reject the returns of selected orders",
        done="has a rejected return.",
        explanation="The units stay with the customer. They can be announced anew.",
        icon="thumb_down",
        place=Place.PART,
        form_class=DecideReturnForm,
    ),
    StaffOperation(
        name=Operation.RECEIVE_RETURN,
        title="Receive return",
        done="has a received return.",
        explanation="Units have come back. What is put back on the shelf can be sold again; what has not come "
        "is with the customer still.",
        icon="move_to_inbox",
        place=Place.PART,
        form_class=ReceiveReturnForm,
    ),
    StaffOperation(
        name=Operation.RELEASE_HOLD,
        title="Release hold",
        title_many="Release the holds of selected orders",
        done="has been released.",
        explanation="What the hold blocked can be done again.",
        icon="lock_open",
        place=Place.PART,
        form_class=ReleaseHoldForm,
    ),
    StaffOperation(
        name=Operation.CANCEL,
        title="Cancel order",
        title_many="Cancel selected orders",
        done="has been canceled.",
        explanation="What has not been shipped ends, all of it or some, and its stock is released. What was captured "
        "for more than is still due is to be refunded. This cannot be undone.",
        icon="cancel",
        place=Place.MENU,
        form_class=CancelForm,
        variant=ActionVariant.DANGER,
        dangerous=True,
    ),
    StaffOperation(
        name=Operation.DELETE,
        title="Delete",
        title_many="Delete selected orders",
        done="has been deleted.",
        explanation="The order leaves the lists and the API, and a pending one releases its stock. "
        "It is kept whole and can be restored.",
        icon="delete",
        place=Place.MENU,
        form_class=ReasonedForm,
        variant=ActionVariant.DANGER,
        dangerous=True,
    ),
    StaffOperation(
        name=Operation.RESTORE,
        title="Restore",
        title_many="Restore selected orders",
        done="has been restored.",
        explanation="The order comes back into the lists and the API. "
        "A pending one gets its stock held again, if there is still enough.",
        icon="restore_from_trash",
        place=Place.HEADER,
        variant=ActionVariant.PRIMARY,
    ),
)

STAFF_OPERATIONS: Final[dict[str, StaffOperation]] = {operation.slug: operation for operation in _TABLE}

# Those that make sense for several orders at once.
BULK_OPERATIONS: Final = tuple(operation for operation in _TABLE if operation.title_many)
