"""What the pool costs and what it does, beside others: ``python -m loadtests.bench``.

``catalogue`` lists what is compared with what, section by section; ``plan`` chooses from it.
``measures`` is the measuring itself and runs in worker processes, one per subject; ``bench`` goes
round them, and ``watch`` counts their connections at the server. ``rows`` makes the rows of the
result.
"""
