"""The pull of marks with dlt: a merge by ``id`` into SQLite, pages of 1,000 over the same endpoint.

``arrow`` false: lists of dicts, as its documentation shows. ``arrow`` true: each page as an Arrow table, which spares
dlt the normalisation of every row; the fastest way we know.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.child import answer, read_job


def main() -> None:
    job = read_job()
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
    import dlt  # type: ignore[import-not-found]
    import httpx
    import orjson  # type: ignore[import-not-found]
    from dlt.destinations import sqlalchemy  # type: ignore[import-not-found]

    if job["arrow"]:
        import pyarrow  # type: ignore[import-not-found]

    started = time.process_time()
    folder = Path(job["folder"])

    def pages() -> Iterator[Any]:
        headers = {"Authorization": f"Bearer {job['tokens']['access']}"}
        with httpx.Client(base_url=job["url"], headers=headers) as client:
            number, more = 0, True
            while more:
                number += 1
                wanted = {"pageSize": 1000, "pageNumber": number}
                response = client.get(f"/organizations/{job['organization']}/marks", params=wanted)
                response.raise_for_status()
                page = orjson.loads(response.content)
                yield pyarrow.Table.from_pylist(page["items"]) if job["arrow"] else page["items"]
                more = page["hasNextPage"]

    pipeline = dlt.pipeline(
        "marks",
        pipelines_dir=str(folder / "pipelines"),
        dataset_name="region",
        destination=sqlalchemy(f"sqlite:///{folder / 'dlt.sqlite'}", create_unique_indexes=True),
    )
    pipeline.run(dlt.resource(pages, name="marks", write_disposition="merge", primary_key="id", max_table_nesting=0))
    with closing(sqlite3.connect(folder / "dlt__region.sqlite")) as connection:
        ((rows,),) = connection.execute("SELECT count(*) FROM marks")
    answer({"cpu_of_work": time.process_time() - started, "received": rows})


if __name__ == "__main__":
    main()
