"""What is known of a statement by its text: whether it may leave something in the session."""

import pytest

from django_pgpool.drivers.statements import leaves_state


@pytest.mark.parametrize("comment", ["/* why */", "-- because", "/* why */ -- because", "("])
def test_the_time_does_not_explode_with_the_number_of_comments(comment):
    """At 2 to the power of it, 30 would take minutes, and nothing else would run meanwhile."""
    comments = f"{comment}\n" * 10_000
    assert not leaves_state(f"SELECT 1;\n{comments}")
    assert not leaves_state(f"{comments}SELECT 1")
    assert leaves_state(f"{comments}$")
    assert leaves_state(f"{comments}SET x.y = 1")
