from dataclasses import asdict

from parascale.cli.common import JsonOption, print_json
from parascale.cli.jobs import Connect, JobId, KeysFolder, find_job


def cancel(job: JobId, connect: Connect = None, keys: KeysFolder = None, json: JsonOption = False) -> None:
    """Stop a job, queued or running.

    Example: parascale cancel 1f3a9c20
    """
    from parascale.link.local import connect as connect_to

    with connect_to(connect, keys) as client:
        status = client.cancel(find_job(client, job).job_id)
    if json:
        print_json(asdict(status))
    else:
        print(f"{status.job_id[:8]} is {status.state}")
