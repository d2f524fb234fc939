"""A campaign's texts on their way to translators and back."""
