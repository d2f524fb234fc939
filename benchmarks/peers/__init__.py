"""What others would use: a Django app with REST framework's way to take events in, and django-post-office."""
