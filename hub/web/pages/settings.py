"""Settings: the own account and sessions for everybody; people, keys and the audit trail for admins.

Invariant: a one-time password or a key is shown once, on the answer to the request that made it, and kept nowhere.
"""

from starlette.responses import Response

from hub.core.errors import Forbidden, Invalid
from hub.core.keys import add_key, list_keys, revoke_key
from hub.core.people import Role, add_person, list_people, reset_password, set_active, set_role
from hub.core.queries import list_acts
from hub.core.sessions import list_sessions, revoke
from hub.web import forms
from hub.web.ask import Ask
from hub.web.render import page
from hub.web.words import _


async def show_self(ask: Ask) -> Response:
    """The own account: role, password, open sessions."""
    sessions = await list_sessions(ask.session, ask.person.id)
    return page(ask, "settings_self.html", sessions=sessions, here=ask.visit.digest.hex()[:16])


async def end_session(ask: Ask) -> Response:
    """End one of the own sessions."""
    await revoke(ask.session, ask.person.id, forms.text(ask.form, "handle", most=16), ask.person.name)
    return ask.go("/settings", "The session has ended.")


async def show_people(ask: Ask) -> Response:
    """Everybody, with roles."""
    return await _people(ask, "", "")


async def do_add_person(ask: Ask) -> Response:
    """Add a person and show the one-time password once."""
    name = forms.text(ask.form, "name", most=60)
    password = await add_person(ask.session, name, _role(ask), ask.person.name)
    return await _people(ask, name, password)


async def do_role(ask: Ask) -> Response:
    """Change somebody's role."""
    await set_role(ask.session, forms.row_id(ask.request.path_params["id"]), _role(ask), ask.person.name)
    return ask.go("/settings/people", "The role is changed.")


async def do_reset(ask: Ask) -> Response:
    """A new one-time password, shown once; the person's sessions end."""
    person_id = _not_self(ask)
    password = await reset_password(ask.session, person_id, ask.person.name)
    name = next(one.name for one in await list_people(ask.session) if one.id == person_id)
    return await _people(ask, name, password)


async def do_active(ask: Ask) -> Response:
    """Close or reopen an account."""
    active = ask.form.get("active") == "yes"
    await set_active(ask.session, _not_self(ask), active, ask.person.name)
    said = _("The account is open.") if active else _("The account is closed.")
    return ask.go("/settings/people", said)


async def show_keys(ask: Ask) -> Response:
    """API keys."""
    return page(ask, "settings_keys.html", keys=await list_keys(ask.session), roles=list(Role), new_key="", name="")


async def do_add_key(ask: Ask) -> Response:
    """Make a key and show it once."""
    name = forms.text(ask.form, "name", most=60)
    key = await add_key(ask.session, name, _role(ask), ask.person.name)
    return page(ask, "settings_keys.html", keys=await list_keys(ask.session), roles=list(Role), new_key=key, name=name)


async def do_revoke_key(ask: Ask) -> Response:
    """Close a key for good."""
    await revoke_key(ask.session, forms.text(ask.form, "name", most=60), ask.person.name)
    return ask.go("/settings/keys", "The key opens nothing any more.")


async def show_audit(ask: Ask) -> Response:
    """The audit trail."""
    before = ask.request.query_params.get("before")
    acts = await list_acts(ask.session, before=forms.row_id(before) if before else None, limit=101)
    return page(ask, "settings_audit.html", acts=acts[:100], more=acts[99].id if len(acts) > 100 else None)


async def _people(ask: Ask, name: str, password: str) -> Response:
    people = await list_people(ask.session)
    return page(ask, "settings_people.html", people=people, roles=list(Role), name=name, password=password)


def _role(ask: Ask) -> Role:
    try:
        return Role(ask.form.get("role", ""))
    except ValueError as error:
        raise Invalid("This choice does not exist.") from error


def _not_self(ask: Ask) -> int:
    person_id = forms.row_id(ask.request.path_params["id"])
    if person_id == ask.person.id:
        raise Forbidden("You cannot do this to your own account. Ask another admin.")
    return person_id
