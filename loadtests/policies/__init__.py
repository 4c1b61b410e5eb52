"""When to open and when to close a connection, by experiment: ``python -m loadtests.policies``.

The pool's own code runs on a virtual clock, with a driver whose openings take what they are said to
take, under the same requests for every policy. ``traces`` has the requests, ``growing`` and
``shrinking`` the policies, ``free`` the reference; ``simulate`` runs one of them, ``judge`` all.
"""
