"""The front without HTTP: one process in which greenlets run the ORM, load generator and all.

``worker`` is that process. It needs Django, gevent, hdrhistogram and an engine with its driver, so
that it can be started in an environment where nothing else is installed. ``front`` is its parent.
"""
