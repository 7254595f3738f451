"""ГИС СО «ЕЦП»: the assumed regional contract, its connector and the simulator that stands in for it."""
