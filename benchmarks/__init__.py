"""Measured comparisons: what our jobs cost beside what a user would otherwise pick. ``python -m benchmarks``.

Every figure is taken in a process of its own that works against the simulator over HTTP, the competitors in turn
(ours, peer, ours, peer, …), and the median is reported. Compare ratios within one run of one machine; nothing
here is a test, and no test asserts seconds.
"""
