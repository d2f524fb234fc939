"""Where sandbox tenants' mail goes: an SMTP server of our own that lets nothing leave this machine, and its inbox."""
