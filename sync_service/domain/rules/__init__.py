"""School rules as pure functions: no clock, no files, no database, only the values given.

Each module states the source of its rule. Text that people typed is parsed into an `Outcome`: either
`Accepted` with the canonical value, or `Refused` with a code for programs and a Russian reason for people.
A reason never repeats the text it is about, because that text is personal data.
"""
