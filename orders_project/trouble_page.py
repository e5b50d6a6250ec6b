"""What staff read while the database cannot serve them."""

from django.http import HttpRequest, HttpResponse

from orders.api.problems import DatabaseTrouble
from orders_project.staff_problem import StaffProblem, problem_page

_WHAT_TO_DO = (
    "Nothing that was saved before is lost, but what you were about to do may not have been done. Go back in a "
    "moment, look at the order again, and then go on."
)


def trouble_page(request: HttpRequest, trouble: DatabaseTrouble) -> HttpResponse:
    """The 503 page."""
    problem = StaffProblem(503, trouble.code, trouble.title, _WHAT_TO_DO, again="Try again")
    return problem_page(request, problem, retry_after=trouble.retry_after)
