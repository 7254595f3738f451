"""Readers and writers of a school's own files: pupil lists and class reports, CSV and XLSX."""
