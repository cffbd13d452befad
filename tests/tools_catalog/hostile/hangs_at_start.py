"""Never answers initialize."""

from wire import hang

hang()
