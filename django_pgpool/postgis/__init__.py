"""ENGINE 'django_pgpool.postgis'."""
