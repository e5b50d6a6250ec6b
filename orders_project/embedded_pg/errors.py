from django.db.utils import OperationalError


class EmbeddedPgError(OperationalError):
    """The embedded server cannot be used; the sentence says why and what to do.

    An OperationalError, so that whatever copes with a database that is down copes with this too.
    """
