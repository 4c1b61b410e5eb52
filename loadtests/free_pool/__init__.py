"""The reference: a pool that costs nothing, as an engine under Django.

ENGINE ``loadtests.free_pool`` takes Django's own connect() and close(),
``loadtests.free_pool.short`` leaves out of them what is the same each time, as django_pgpool does.

It looks at no connection before it hands it out, resets no session, keeps no statistics and no time
limits. It is for measuring only: no site could use it.
"""
