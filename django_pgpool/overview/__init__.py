"""What ``manage.py pgpool`` tells: the settings, the server's capacity, advice, a probe."""
