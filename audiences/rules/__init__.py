"""The one rule language: which people, or which events, somebody means. JSON in; SQL, verdicts and sentences out.

``tree`` has the nodes and groups, ``kinds`` one module for each kind of condition (its key ``on``), ``operators`` the
comparisons that conditions on values share. ``schema`` reads JSON into nodes; ``sql``, ``memory``, ``words`` and
``explain`` are the doors to what a node answers. A new kind is one module in ``kinds`` and one line in its registry.
"""
