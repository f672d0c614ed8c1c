"""Errors that a user can correct: one sentence that says what, where and how."""


class CourseError(Exception):
    """An error that a user can correct; the message is one sentence that says what, where and how."""


class NotebookError(CourseError):
    """A notebook that cannot be used; the message is for its author."""
