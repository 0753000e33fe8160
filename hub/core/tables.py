"""Names every module that declares core tables, so that migrations and tests see the whole metadata."""

from hub.core import audit, cases, heartbeat, outbox, people, shops

TABLES = (
    shops.shop,
    outbox.outbox,
    cases.cases,
    audit.audit_log,
    heartbeat.heartbeat,
    people.person,
    people.person_session,
    people.sign_in_attempt,
    people.api_key,
)
