"""docs/recipes.md: every recipe is run by a test, and every block of code in it."""

import re
from pathlib import Path

from support import recipes

TESTS = Path(__file__).parent
RUN_BY = {
    "gunicorn with gevent workers": ["test_recipes_gunicorn.py::test_each_worker_has_its_own_pool"],
    "gunicorn --preload": [
        "test_recipes_gunicorn.py::test_preload",
        "test_gunicorn.py::test_a_query_before_the_fork",
        "test_patching.py::test_patched_after_django_db_was_imported_is_a_loud_error",
    ],
    "gunicorn --reload": ["test_recipes_gunicorn.py::test_reload"],
    "gunicorn, stopping and replacing workers": [
        "test_recipes_gunicorn.py::test_workers_that_are_replaced",
        "faults/test_faults_processes.py::test_gunicorn_stopped_under_load_answers_what_it_has_taken",
        "test_gunicorn.py::test_a_statement_longer_than_the_graceful_timeout_is_cancelled",
        "test_checks.py::test_waiting_for_longer_than_the_graceful_timeout_is_a_warning",
    ],
    "uWSGI with gevent": [
        "test_recipes_uwsgi.py::test_each_worker_has_its_own_connections",
        "test_recipes_uwsgi.py::test_at_the_end_what_runs_is_cancelled",
        "test_patching.py::test_patched_after_django_db_was_imported_is_a_loud_error",
    ],
    "gevent.pywsgi": ["test_recipes_servers.py::test_pywsgi"],
    "Celery with -P gevent": ["test_recipes_servers.py::test_celery_with_gevent"],
    "Celery with prefork": ["test_celery.py::test_prefork"],
    "Threads: gthread, runserver, shell": [
        "test_recipes_gunicorn.py::test_gthread",
        "test_recipes_servers.py::test_runserver",
        "test_threads.py::test_thirty_threads_share_a_limit_of_five_which_the_server_confirms",
    ],
    "Greenlets of your own": ["test_recipes.py::test_greenlets", "test_recipes.py::test_nested"],
    "Management commands and cron": [
        "test_recipes.py::test_a_command_that_never_ends",
        "test_threads.py::test_the_interpreter_ends_at_once_and_without_a_word",
    ],
    "Streaming responses": ["test_recipes.py::test_streams"],
    "Long transactions": [
        "test_recipes.py::test_long_transactions",
        "test_owners.py::test_what_is_held_too_long_is_reported_once_and_not_taken_away",
    ],
    "Tests: manage.py test and pytest-django": [
        "test_recipes_servers.py::test_pytest_under_gevent",
        "test_test_databases.py::test_the_test_database_is_made_used_and_dropped",
        "test_test_databases.py::test_parallel_runs_clone_the_test_database_and_drop_the_clones",
        "test_pytest_django.py::test_the_test_database_is_made_used_and_dropped",
        "test_pytest_django.py::test_reuse_db_keeps_the_test_database_and_uses_it_again",
    ],
    "Tenants: search_path": ["test_recipes_tenants.py::test_tenants_by_schema"],
    "Tenants: row-level security": ["test_recipes_tenants.py::test_tenants_by_row"],
    "Health endpoints": ["test_recipes.py::test_health"],
    "Kubernetes": [
        "test_recipes.py::test_the_numbers_of_the_deployment",
        "test_recipes_gunicorn.py::test_a_rollout",
        "test_recipes_servers.py::test_the_init_container",
    ],
    "Blue/green": [
        "test_recipes.py::test_a_move",
        "pool/test_operators.py::"
        "test_drain_replaces_idle_connections_now_and_the_others_when_they_come_back",
    ],
    "Failover": [
        "test_recipes.py::test_settings_of_a_failover",
        "faults/test_faults_servers.py::test_after_a_failover_work_goes_on_at_the_new_primary",
        "faults/test_faults_servers.py::"
        "test_connections_to_a_standby_are_replaced_as_soon_as_it_refuses_a_write",
        "test_hosts.py::test_after_a_silent_host_the_next_one_is_tried",
    ],
    "Out of reach": ["test_recipes.py::test_out_of_reach", "test_recipes.py::test_asgi"],
}


def test_each_recipe_is_run_by_tests_that_there_are():
    assert list(RUN_BY) == list(recipes.sections())
    for proof in (one for proofs in RUN_BY.values() for one in proofs):
        file, _, name = proof.partition("::")
        assert f"\ndef {name}(" in (TESTS / file).read_text(), proof


def test_each_block_of_code_is_run_by_one_of_them():
    sources = [file.read_text() for file in TESTS.glob("test_recipes*.py")]
    taken = [
        (head, file)
        for source in sources
        for head, file in re.findall(r'(?:block|load)\(\s*"([^"]+)", "([^"]+)"', source)
    ]
    assert sorted(set(taken)) == sorted(recipes.names())
