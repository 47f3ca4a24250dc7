from parascale.cli.common import JsonOption, print_json


def formats(json: JsonOption = False) -> None:
    """List the trajectory formats and conditioning tensors, and what each can store.

    Example: parascale formats
    """
    from parascale.conditioning.tensor_file import TENSORS
    from parascale.files.formats import FORMATS

    paths = [known.as_json() for known in FORMATS.values()]
    tensors = [{"name": known.name, "description": known.description} for known in TENSORS]
    if json:
        print_json({"formats": paths, "tensors": tensors})
        return
    print(f"{'name':18} {'lens':13} {'time':13} {'also holds':38} what it is")
    for known in paths:
        held = [key for key in ("unit", "size", "depth", "points", "gain", "distortion") if known[key]]
        also = ", ".join("metres" if key == "unit" and known["metric"] else key for key in held)
        described = known["description"] if known["written"] else f"{known['description']} (read only)"
        print(f"{known['name']:18} {known['lens']:13} {known['time']:13} {also:38} {described}")
    print("\nconditioning tensors, for export alone")
    for tensor in tensors:
        print(f"{tensor['name']:18} {tensor['description']}")
