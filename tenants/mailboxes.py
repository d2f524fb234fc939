"""One mailbox as it goes on the wire: no address that passes here can smuggle in a second line or recipient."""

import re

import idna

# What nearly every address looks like: nothing to convert.
_PLAIN = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}",
)
# RFC 6531 lets any character beyond ASCII into the local part; invisible and control characters stay out.
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\u00a1-\U0010ffff-]+")


class InvalidAddress(ValueError):
    """Not one mailbox that SMTP can carry."""


def on_the_wire(address: str) -> str:
    """Return ``address`` as envelopes and headers carry it: the domain in ASCII, the local part as given.

    Quoted local parts and domain literals are refused: no person to be messaged has one. The lengths are
    RFC 5321's, 64 octets and 254 in all. Raises InvalidAddress.
    """
    if _PLAIN.fullmatch(address) and len(address) <= 254:
        return address
    local, at, domain = address.rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or not local.isprintable() or len(local.encode()) > 64:
        raise InvalidAddress(f"not an e-mail address: {address!a}")
    wire = f"{local}@{_ascii_domain(domain)}"
    if len(wire.encode()) > 254:
        raise InvalidAddress(f"longer than the 254 octets of an e-mail address: {address!a}")
    return wire


def _ascii_domain(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError as exc:
        raise InvalidAddress(f"not a domain name: {domain!a}") from exc
