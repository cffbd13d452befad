"""Data work: files in, a report out; checked on other files of the same form."""
