"""The channels messages leave by, one line each. Imports nothing until asked: parts of them work without Django."""


def register() -> None:
    """Make every channel known to ``campaigns.channels``, in the order people are offered them."""
    from campaigns import channels
    from delivery.channels.email.channel import Email

    channels.register(Email())
