"""Serves the workbench of a workspace to one person without sign-in, for benchmarks alone.

python -m benchmarks.queue_server WORKSPACE PORT [DATABASE_URL]
"""

import sys
from pathlib import Path

import uvicorn

from inspect_pipeline.bootstrap.house import open_house
from inspect_pipeline.bootstrap.workbench import Workbench
from inspect_pipeline.domain.people import Role, person
from inspect_pipeline.settings import Settings
from inspect_pipeline.web.app import create_app


def main() -> None:
    workspace, port, *database = sys.argv[1:]
    settings = Settings(workspace=Path(workspace), **({"catalog_url": database[0]} if database else {}))
    with open_house(settings) as house:
        app = create_app(Workbench(house=house), identify=lambda _request: person("operator-7", Role.OPERATOR))
        uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
