"""The command line: parse, call one use case, render. Heavy libraries are imported inside commands only."""
