"""What Tact does in a second, measured beside the limit or the peer that it is compared with."""
