"""Which tests show that the rows of docs/migrating.md are true: what it says of this engine."""

_LIMIT = [
    "test_invariants.py::test_a_cold_burst_never_has_more_sessions_than_maxsize",
    "test_exhaustion.py::test_nobody_waits_longer_than_maxwait_and_nobody_opens_more",
]
_NIGHT = ["test_invariants.py::test_at_night_the_pool_reaches_zero_without_any_traffic"]
_WAIT = [
    "test_exhaustion.py::test_pool_exhausted_is_an_operational_error_of_django_itself",
    "pool/test_acquire.py::test_connections_are_handed_over_in_the_order_of_arrival",
]
_AGE = [
    "pool/test_expiry.py::test_no_idle_connection_grows_older_than_expires",
    "pool/test_release.py::test_an_expired_connection_is_not_kept",
]
_HEALTH = [
    "test_dead_connections.py::test_health_checks_ping_only_what_was_idle_for_long",
    "test_dead_connections.py::test_health_checks_do_not_ping_what_was_used_just_now",
    "test_dead_connections.py::test_finding_out_costs_no_message_to_the_server",
]
_KEPT = ["pool/test_growth.py::test_minsize_is_kept_once_the_pool_has_been_used", *_NIGHT]
_NO_RECONNECTS = ["pool/test_reaper.py::test_what_the_load_may_need_stays_for_cleanup_seconds"]
_TASK = [
    "test_greenlets.py::test_a_session_gives_back_the_connections_of_all_aliases",
    "test_greenlets.py::test_a_session_does_not_tell_others_that_a_request_has_finished",
    "test_greenlets.py::test_a_transaction_under_way_keeps_its_connection",
    "test_owners.py::test_its_connection_comes_back_at_once",
]
_DRAIN = [
    "pool/test_operators.py::"
    "test_drain_replaces_idle_connections_now_and_the_others_when_they_come_back"
]
_EVENTS = [
    "test_events.py::test_with_structlog_unconfigured_events_are_lines_of_the_standard_logger"
]
_EACH_ALIAS = ["test_registry.py::test_equal_settings_under_another_alias_are_another_pool"]
_LEFT_OVER = ["test_checks.py::test_settings_that_another_pool_has_left", *_EACH_ALIAS]
_REFUSED_BESIDE = ["test_options_refused.py::test_an_option_beside_options_is_refused"]
_ONE_KIND = ["test_migrating_code.py::test_settings_that_go_away_are_named"]

_SQLALCHEMY = {
    "pool_size": [*_LIMIT, *_NIGHT],
    "max_overflow": _NO_RECONNECTS,
    "recycle": _AGE,
    "timeout": _WAIT,
    "pre_ping": _HEALTH,
    "echo": _EVENTS,
}

PROOFS = {
    "django-db-geventpool": {
        "MAX_CONNS": _LIMIT,
        "REUSE_CONNS": [*_NIGHT, *_NO_RECONNECTS],
        "pool": [
            "test_options_refused.py::"
            "test_the_switch_that_other_pools_ask_for_does_not_switch_this_one_off_unnoticed"
        ],
        "close_connection": _TASK,
        "closeall": _DRAIN,
        "patch_psycopg": [
            "test_patching.py::test_the_engine_makes_psycopg2_green_itself",
            "test_patching.py::test_patch_psycopg_in_post_fork_does_no_harm",
            "test_cancel.py::test_psycogreens_callback_is_taken_over",
        ],
    },
    "django-db-pool": {
        "MIN_CONNS": _KEPT,
        "MAX_CONNS": _WAIT,
        "TEST_ON_BORROW": _HEALTH,
        "TEST_ON_BORROW_QUERY": _HEALTH,
    },
    "django_pgpool of tru-software": {
        "maxsize": [
            *_LIMIT,
            "test_dead_connections.py::test_one_dead_connection_does_not_empty_the_pool",
        ],
        "maxwait": [
            *_WAIT,
            "pool/test_messages.py::test_opening_takes_too_long",
            "test_options_refused.py::test_a_value_out_of_range_is_refused",
        ],
        "expires": [
            *_AGE,
            "pool/test_expiry.py::test_expirations_lie_in_the_last_fifth_of_the_lifetime",
            "test_invariants.py::test_connections_expire_though_they_are_busy_and_nobody_notices",
        ],
        "cleanup": _NIGHT,
        "maxoverflow": _LIMIT,
    },
    "django_db_pooling": {
        "set_pool_size": _NIGHT,
        "max_outstanding": _LIMIT,
        "timeout": _WAIT,
        "CONN_MAX_AGE": [
            *_AGE,
            "test_options_refused.py::test_connections_kept_by_django_are_refused",
        ],
        "apply_patch": ["test_migrating.py::test_a_pool_that_is_made_by_a_call"],
    },
    "django-mysqlpool": {
        **_SQLALCHEMY,
        "MYSQLPOOL_BACKEND": _ONE_KIND,
        "MYSQLPOOL_ARGUMENTS": _LEFT_OVER,
        "use_threadlocal": ["test_patching.py::test_greenlets_have_connections_of_their_own"],
        "auto_close_db": _TASK,
    },
    "Django's native pool": {
        "pool": [
            "test_options_refused.py::test_djangos_own_pool_is_refused",
            "test_options.py::test_a_wrapper_with_pool_false_has_a_connection_of_its_own",
        ],
        "min_size": _KEPT,
        "max_size": [
            "test_invariants.py::"
            "test_kills_and_timeouts_cost_no_slot_and_the_server_never_counts_more"
        ],
        "timeout": [
            *_WAIT,
            "test_unreachable.py::test_during_an_outage_nobody_waits_for_maxwait",
        ],
        "max_lifetime": [*_AGE, "pool/test_expiry.py::test_without_expires_nothing_expires"],
        "max_idle": [
            "pool/test_acquire.py::test_the_connection_that_was_used_last_is_taken_first",
            "pool/test_reaper.py::test_a_peaks_surplus_goes_although_traffic_goes_on",
        ],
        "max_waiting": [
            "test_exhaustion.py::test_more_than_maxwaiting_callers_are_turned_away_at_once",
            "test_options_refused.py::test_a_value_out_of_range_is_refused",
        ],
        "check": _HEALTH,
        "reset": [
            "test_session.py::"
            "test_what_a_statement_leaves_in_the_session_does_not_reach_the_next_holder"
        ],
        "configure": [
            "test_connect.py::test_connection_created_is_sent_on_every_acquire_and_may_run_queries",
            "test_recipes.py::test_long_transactions",
        ],
        "reconnect_timeout": [
            "test_dead_connections.py::test_after_a_restart_of_the_server_every_request_works_again"
        ],
        "reconnect_failed": [
            "test_events.py::test_a_failed_opening_is_a_warning_with_the_drivers_words"
        ],
        "num_workers": [
            "pool/test_growth.py::"
            "test_slow_openings_in_flight_double_while_finished_ones_find_waiters",
            "pool/test_threads.py::test_an_empty_pool_keeps_no_thread",
        ],
        "name": ["test_registry.py::test_all_greenlets_share_the_pool_of_an_alias"],
        "get_stats": ["pool/test_operators.py::test_a_snapshot_is_frozen_and_says_everything"],
    },
    "django-db-connection-pool": {
        **{name.upper(): proofs for name, proofs in _SQLALCHEMY.items()},
        "POOL_OPTIONS": _REFUSED_BESIDE,
        "dj_db_conn_pool.setup": [
            "test_migrating_code.py::test_functions_of_others_with_like_names_are_not_meant"
        ],
    },
    "django-postgrespool2": {
        **_SQLALCHEMY,
        "DATABASE_POOL_CLASS": _ONE_KIND,
        "DATABASE_POOL_ARGS": _LEFT_OVER,
        "dispose": _DRAIN,
    },
}
