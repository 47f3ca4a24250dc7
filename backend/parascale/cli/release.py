from parascale.cli.common import JsonOption, print_json
from parascale.cli.jobs import Connect, KeysFolder


def release(connect: Connect = None, keys: KeysFolder = None, json: JsonOption = False) -> None:
    """Have the idle workers of a backend give back the GPU and memory they hold.

    Example: parascale release
    """
    from parascale.link.local import connect as connect_to

    with connect_to(connect, keys) as client:
        count = client.release()
    if json:
        print_json({"released": count})
    else:
        print(f"{count} workers gave back what they held")
