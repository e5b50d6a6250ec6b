"""Whose account somebody may change, and what they may give to others: nothing beyond what they have themselves."""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q, QuerySet

from orders.admin.operations.staff_requests import Staff, storefronts_of


def reaches(actor: Staff, person: User) -> bool:
    """Whether the actor may do and see all that the person may.

    Nobody else may change the account: who sets its password, or the address a new one is sent to, can be the person.
    """
    if person.is_superuser and not actor.is_superuser:
        return False
    # Also of an account that is switched off: it can be switched on again.
    if not actor.is_superuser and _permissions_of(person).exclude(pk__in=permissions_to_give(actor)).exists():
        return False
    limit = storefronts_of(actor)
    if limit is None:
        return True
    theirs = set(person.storefronts.values_list("pk", flat=True))
    return bool(theirs) and theirs <= limit  # chosen for none, they see all


def chooses_storefronts(actor: Staff) -> bool:
    """Whether the actor decides who sees which storefronts. Whoever is limited would give more by taking the last."""
    return actor.is_superuser and storefronts_of(actor) is None


def permissions_to_give(actor: Staff) -> QuerySet[Permission]:
    return Permission.objects.all() if actor.is_superuser else _permissions_of(actor)


def groups_to_give(actor: Staff) -> QuerySet[Group]:
    """The groups that may do nothing beyond what the actor may."""
    groups = Group.objects.all()
    if actor.is_superuser:
        return groups
    return groups.exclude(permissions__in=Permission.objects.exclude(pk__in=permissions_to_give(actor)))


def _permissions_of(person: Staff) -> QuerySet[Permission]:
    of_person = Permission.objects.filter(Q(user=person.pk) | Q(group__user=person.pk))
    return Permission.objects.filter(pk__in=of_person.values("pk"))
