"""What acquiring and releasing costs: ``python -m loadtests.bench``.

``catalogue`` lists what is compared with what, ``measures`` is the measuring itself and runs in
worker processes, one per subject; ``bench`` goes round them. ``rows`` makes the rows of the result.
"""
