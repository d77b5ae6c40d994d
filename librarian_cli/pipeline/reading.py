"""Parts of files, read in workers outside a run: nothing is claimed, nothing stored."""

from collections.abc import Sequence

from librarian_cli.errors import WorkerError
from librarian_cli.models import Part
from librarian_cli.pipeline.pools import Call, Pools, deadline, process_settings
from librarian_cli.settings import Config
from librarian_cli.stages import extract


def read_parts(pools: Pools, config: Config, inputs: Sequence[extract.ExtractInput]) -> tuple[tuple[Part, ...], ...]:
    """Run calls of the extract stage under its limits. Parts that a worker sent before its end are kept, as in a run.

    Raises: BookError: the file cannot be read, or its worker ended before any part came.
    """
    settings = process_settings(config, extract.STAGE.pool)
    calls = [Call(extract.run, (item,), deadline(settings, item.page_total)) for item in inputs]
    futures = [pools.submit(extract.STAGE.pool, call) for call in calls]
    outputs: list[tuple[Part, ...]] = []
    for future in futures:
        try:
            outputs.append(future.result())
        except WorkerError as exc:
            if not exc.parts:
                raise
            outputs.append(tuple(part for part in exc.parts if isinstance(part, Part)))
    return tuple(outputs)
