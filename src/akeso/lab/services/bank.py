"""The external payment provider. It tells nobody how it is: its callers see only its answers."""

from hashlib import blake2b

from akeso.lab.chassis.floor import Body, Floor, Route, Service


async def authorise(_floor: Floor, request: Body) -> Body:
    """Authorise a charge."""
    digest = blake2b(f"{request['card']}:{request['cents']}".encode(), digest_size=6).hexdigest()
    return {"authorisation": digest}


SERVICE = Service(routes=(Route("POST", "/authorisations", authorise),))
