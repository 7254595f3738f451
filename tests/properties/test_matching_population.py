"""How good matching is where the truth is known: a town's two registers of five thousand pupils."""

from __future__ import annotations

import sys

from sync_service.domain.matching import Ambiguous, Matched
from sync_service.domain.matching_students import match_students
from tests.properties.town import build_town

PRECISION = 0.9995
RECALL = 0.94


def test_automatic_links_of_a_town_are_right() -> None:
    """At least .9995 of the automatic links are right; at most a twentieth of the shared pupils need a person."""
    town = build_town(20261123, children=5400)
    assert min(len(town.school), len(town.region)) >= 5000
    found = match_students(town.region, town.school, linked=(), rejected={})
    linked = {r: m for r, m in found.items() if isinstance(m, Matched)}
    wrong = [r for r, m in linked.items() if town.region_child[r] != town.school_child[m.local_id]]
    asked = {r: m for r, m in found.items() if isinstance(m, Ambiguous)}
    helped = sum(
        any(town.school_child[c.local_id] == town.region_child[r] for c in m.candidates) for r, m in asked.items()
    )
    precision = 1 - len(wrong) / len(linked)
    recall = (len(linked) - len(wrong)) / town.shared
    sys.stdout.write(
        f"{len(town.region)} × {len(town.school)} cards, {town.shared} shared: {len(linked)} linked, "
        f"{len(wrong)} wrong, precision {precision:.5f}, recall {recall:.4f}; "
        f"{len(asked)} asked about, the right card among the candidates of {helped}\n"
    )
    assert precision >= PRECISION
    assert recall >= RECALL
    assert helped >= 0.5 * len(asked)
