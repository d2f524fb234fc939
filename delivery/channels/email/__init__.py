"""E-mail: from the words a marketer writes to the reply of the server that took the mail."""
