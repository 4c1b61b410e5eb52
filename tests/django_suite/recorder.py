"""Runs inside the process of Django's tests: writes down what becomes of each of them."""

from __future__ import annotations

import faulthandler
import json
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Any
from unittest import TestCase, TestSuite, TextTestResult

from django.test.runner import DiscoverRunner

LONGEST = 240
"""Seconds for one test. Then the stacks go to the log, and the process ends."""
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def record(**event: Any) -> None:
    with Path(os.environ["DJANGO_SUITE_EVENTS"]).open("a") as file:
        file.write(json.dumps(event) + "\n")


class RecordingResult(TextTestResult):
    """What unittest prints, and a line in the file of events for every start and outcome."""

    def startTest(self, test: TestCase) -> None:
        faulthandler.dump_traceback_later(LONGEST, exit=True, file=sys.__stderr__)
        record(start=test.id())
        super().startTest(test)

    def stopTest(self, test: TestCase) -> None:
        super().stopTest(test)
        faulthandler.cancel_dump_traceback_later()

    def addSuccess(self, test: TestCase) -> None:
        super().addSuccess(test)
        record(test=test.id(), outcome="ok")

    def addError(self, test: TestCase, err: ExcInfo) -> None:
        super().addError(test, err)
        record(test=test.id(), outcome="error", why=_why(err))

    def addFailure(self, test: TestCase, err: ExcInfo) -> None:
        super().addFailure(test, err)
        record(test=test.id(), outcome="failure", why=_why(err))

    def addSubTest(self, test: TestCase, subtest: TestCase, err: ExcInfo | None) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            kind = "failure" if issubclass(err[0], test.failureException) else "error"
            record(test=subtest.id(), outcome=kind, why=_why(err))

    def addSkip(self, test: TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        record(test=test.id(), outcome="skipped", why=reason)

    def addExpectedFailure(self, test: TestCase, err: ExcInfo) -> None:
        super().addExpectedFailure(test, err)
        record(test=test.id(), outcome="ok")

    def addUnexpectedSuccess(self, test: TestCase) -> None:
        super().addUnexpectedSuccess(test)
        record(test=test.id(), outcome="unexpected success")


def _why(err: ExcInfo) -> str:
    return f"{err[0].__name__}: {err[1]}"[:2000]


class RecordingRunner(DiscoverRunner):
    """Django's runner with RecordingResult. "finished" is written after the databases are gone."""

    def get_resultclass(self) -> type[RecordingResult]:
        return RecordingResult

    def run_suite(self, suite: TestSuite, **kwargs: Any) -> Any:
        record(total=suite.countTestCases())
        return super().run_suite(suite, **kwargs)

    def run_tests(self, *args: Any, **kwargs: Any) -> int:
        failures: int = super().run_tests(*args, **kwargs)
        record(finished=True)
        return failures
