"""Upsert customers: create one if there is none, else change it as requested."""

from __future__ import annotations

from typing import Any

from bot.sandbox.plain import rules
from bot.sandbox.plain.nouns import Customer, EmailAddress, Input, Tenant
from bot.sandbox.plain.rules import Findings, invalid, not_found
from bot.sandbox.plain.world import PlainWorld


def upsert_customer(world: PlainWorld, given: Input) -> dict[str, Any]:
    """Create or update a customer; an empty `onUpdate` changes nothing.

    E-mail and external id are unique in the workspace.
    """
    _check(given)
    customer = world.customer_named(given["identifier"])
    if customer is None:
        if given["identifier"].get("customerId") is not None:
            raise not_found("customer", "identifier.customerId")
        return {"result": "CREATED", "customer": _create(world, given["onCreate"])}
    changed = _update(world, customer, given["onUpdate"])
    return {"result": "UPDATED" if changed else "NOOP", "customer": customer}


def _check(given: Input) -> None:
    found = Findings()
    keys = ("emailAddress", "externalId", "customerId")
    rules.exactly_one(found, "identifier", given["identifier"], *keys)
    if (address := given["identifier"].get("emailAddress")) is not None:
        rules.email(found, "identifier.emailAddress", address)
    made = given["onCreate"]
    rules.text(found, "onCreate.fullName", made["fullName"])
    rules.email(found, "onCreate.email.email", made["email"]["email"])
    for index, identifier in enumerate(made.get("tenantIdentifiers") or ()):
        at = f"onCreate.tenantIdentifiers.{index}"
        rules.exactly_one(found, at, identifier, "tenantId", "externalId")
    changes = given["onUpdate"]
    if (name := changes.get("fullName")) is not None:
        rules.text(found, "onUpdate.fullName.value", name["value"])
    if (email := changes.get("email")) is not None:
        rules.email(found, "onUpdate.email.email", email["email"])
    found.settle()


def _create(world: PlainWorld, made: Input) -> Customer:
    _refuse_taken_email(world, made["email"]["email"], None)
    _refuse_taken_external_id(world, made.get("externalId"), None)
    tenants: list[Tenant] = []
    for index, identifier in enumerate(made.get("tenantIdentifiers") or ()):
        tenant = world.tenant_named(identifier)
        if tenant is None:
            raise not_found("tenant", f"onCreate.tenantIdentifiers.{index}")
        tenants.append(tenant)
    customer = world.add_customer(
        made["fullName"],
        _address(world, made["email"]),
        made.get("externalId"),
        made.get("shortName"),
    )
    customer.tenants.extend(tenants)
    return customer


def _update(world: PlainWorld, customer: Customer, changes: Input) -> bool:
    wanted = _wanted(changes)
    email = changes.get("email")
    if email is not None:
        _refuse_taken_email(world, email["email"], customer)
        kept = customer.email
        if (kept.email, kept.is_verified) != (email["email"], email["isVerified"]):
            wanted["email"] = _address(world, email)
    _refuse_taken_external_id(world, wanted.get("external_id"), customer)
    wanted = {name: value for name, value in wanted.items() if getattr(customer, name) != value}
    for name, value in wanted.items():
        setattr(customer, name, value)
    if wanted:
        customer.updated_at, customer.updated_by = world.now(), world.actor
    return bool(wanted)


def _wanted(changes: Input) -> dict[str, Any]:
    """Return the wrapped values by attribute; a wrapper around null clears, no wrapper keeps."""
    names = {"fullName": "full_name", "shortName": "short_name", "externalId": "external_id"}
    return {
        attribute: changes[name].get("value")
        for name, attribute in names.items()
        if changes.get(name) is not None
    }


def _address(world: PlainWorld, given: Input) -> EmailAddress:
    verified: bool = given["isVerified"]
    return EmailAddress(given["email"], verified, world.now() if verified else None)


def _refuse_taken_email(world: PlainWorld, email: str, but: Customer | None) -> None:
    holder = world.customer_by_email(email)
    if holder is not None and holder is not but:
        code = "customer_already_exists_with_email"
        raise invalid(code, "Another customer has this e-mail address.")


def _refuse_taken_external_id(
    world: PlainWorld, external_id: str | None, but: Customer | None
) -> None:
    holder = None if external_id is None else world.customer_by_external_id(external_id)
    if holder is not None and holder is not but:
        code = "customer_already_exists_with_external_id"
        raise invalid(code, "Another customer has this external id.")
