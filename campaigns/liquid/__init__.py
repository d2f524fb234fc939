"""Templates: read, analysed and filled by one renderer in a process of its own. Imports no Django."""
