"""Errors say what to exit with and whether to try again, and cross process borders whole."""

import pickle

import pytest

from librarian_cli import errors


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (errors.LibrarianError("x"), 1, False),
        (errors.UsageError("x"), 2, False),
        (errors.BookError("empty"), 3, False),
        (errors.ReadError("corrupt"), 3, False),
        (errors.FileChanged("grew"), 3, True),
        (errors.WorkerCrashed("crash"), 3, True),
        (errors.WorkerTimeout("timeout"), 3, True),
        (errors.EnvironmentFault("x"), 4, False),
        (errors.LibraryLocked("x"), 11, True),
    ],
)
def test_each_error_has_its_exit_code_and_says_whether_to_retry(
    error: errors.LibrarianError, code: int, *, retryable: bool
) -> None:
    assert (error.exit_code, error.retryable) == (code, retryable)
    assert isinstance(error, errors.LibrarianError)


@pytest.mark.parametrize(
    "error",
    [
        errors.BookError("empty", "it holds no text"),
        errors.ReadError("encrypted"),
        errors.FileChanged("it grew"),
        errors.WorkerCrashed("crash", "signal 11"),
        errors.WorkerTimeout("timeout", "30 s of silence"),
    ],
)
def test_a_books_error_survives_the_way_between_processes(error: errors.BookError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (again.reason, again.detail, str(again)) == (error.reason, error.detail, str(error))


def test_a_books_error_reads_as_reason_and_detail() -> None:
    assert str(errors.ReadError("corrupt", "no trailer")) == "corrupt: no trailer"
    assert str(errors.ReadError("corrupt")) == "corrupt"
