"""The estimate of memory: the table of docs/generators.md is what the published sizes give."""

import math
import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the generation extra is not installed: pip install 'parascale[generate]'")
pytest.importorskip("diffusers", reason="the generation extra is not installed: pip install 'parascale[generate]'")

from model_parts import (  # noqa: E402 - as above
    WAN,
    animatediff_parts,
    easyanimate_parts,
    ltx_parts,
    sana_parts,
    vace_transformer,
    wan_parts,
    wan_vae_2_2,
)

PAGE = (Path(__file__).parents[2] / "docs" / "generators.md").read_text()
ROW = re.compile(r"^\| `([^`]+)`.*\| (\d+) / (\d+) / (\d+) GB", re.MULTILINE)


def count(make) -> int:
    from accelerate import init_empty_weights

    with init_empty_weights():
        model = make()
    if hasattr(model, "tie_weights"):
        model.tie_weights()
    return sum(parameter.numel() for parameter in model.parameters())


def wan(size: str, **how: object) -> int:
    """Count the numbers of a transformer with Wan's own names."""
    shapes = wan.shapes(**{name: WAN[size][name] for name in ("dim", "ffn", "layers")}, **how)
    if size == "5B":
        shapes["control_adapter.conv.weight"] = (WAN[size]["dim"], 24 * 16**2, 2, 2)
    return sum(math.prod(shape) for shape in shapes.values())


def block(size: str, token: int = 16) -> dict[str, int]:
    return {"dim": WAN[size]["dim"], "ffn_dim": WAN[size]["ffn"], "layers": WAN[size]["layers"], "token": token}


def published() -> dict[str, tuple]:
    """Give, by name of weights, the numbers of every model, the block, the film and how often it is seen."""
    from parascale.generators import easyanimate_camera, ltx, motionmaster, sana_wm

    shared = {name: count(make) for name, make in wan_parts().items()}
    base = {name: shared[name] for name in ("vae", "text_encoder")}
    film = (81, 832, 480)
    fun = {size: {"t": wan(size, in_dim=32, clip=1280, camera=True)} | shared for size in ("1.3B", "14B")}
    half, vace = wan("14B", in_dim=36, camera=True), {size: count(lambda: vace_transformer(size)) for size in fun}  # noqa: B023
    sana, other = ({name: count(make) for name, make in parts().items()} for parts in (sana_parts, ltx_parts))
    easy = {name: count(make) for name, make in easyanimate_parts().items()}
    stable = {name: count(make) for name, make in animatediff_parts().items()}
    decoder = motionmaster.FILM[0] * motionmaster.DECODED_NUMBERS * 2
    fine = {"dim": 320, "ffn_dim": 1280, "layers": 4, "token": 8, "decoder": decoder}
    return {
        "wan-fun-camera-1.3B": (fun["1.3B"], block("1.3B"), film, 1),
        "wan-fun-camera-14B": (fun["14B"], block("14B"), film, 1),
        "wan-fun-camera-2.2-A14B": ({"high": half, "low": half} | base, block("14B"), film, 1),
        "wan-fun-camera-2.2-5B": (
            base | {"t": wan("5B", in_dim=100, out_dim=48, camera=True), "vae": count(wan_vae_2_2)},
            block("5B", 32), (121, 832, 480), 1,
        ),
        "recammaster": ({"t": wan("1.3B", in_dim=16, recapture=True)} | base, block("1.3B"), film, 2),
        "wan-vace-1.3B": ({"t": vace["1.3B"]} | base, block("1.3B"), film, 1),
        "wan-vace-14B": ({"t": vace["14B"]} | base, block("14B"), film, 1),
        "wan-vace-2.2-A14B": ({"high": vace["14B"], "low": vace["14B"]} | base, block("14B"), film, 1),
        "motionmaster": (stable, fine, motionmaster.FILM, motionmaster.FRAMES_PER_LATENT),
        "sana-wm": (sana, {"dim": 2240, "ffn_dim": 6720, "layers": 20, "token": 32}, sana_wm.FILM, 1),
        "ltx": (other, {"dim": 4096, "ffn_dim": 16384, "layers": 48, "token": 32}, ltx.FILM, 1),
        "easyanimate-camera-12B": (
            easy, {"dim": 3072, "ffn_dim": 12288, "layers": 48, "token": 16}, easyanimate_camera.FILM, 1,
        ),
    }  # fmt: skip


def test_the_table_of_the_page_is_the_estimate_of_the_published_sizes(wan_shapes) -> None:
    from parascale.generators.diffusion.memory import estimate

    wan.shapes = wan_shapes
    rows = {name: tuple(map(int, found)) for name, *found in ROW.findall(PAGE)}
    found = {}
    for name, (numbers, model, (frames, *size), length) in published().items():
        need = estimate(numbers, (frames * length, *size), 2, tiling=False, **model)
        found[name] = tuple(round(need.of(way) / 1e9) for way in ("none", "model", "group"))
        assert need.of("group") == need.of("sequential")
    assert rows == found


@pytest.mark.parametrize(
    ("folder", "token"),
    [("fun", 16), ("fun_5b", 32), ("vace", 16), ("easyanimate", 16), ("sana", 32), ("ltx", 32),
     ("stable_diffusion", 8)],
)  # fmt: skip
def test_a_check_counts_the_tokens_that_a_run_does(folder, token, tiny_models, ask, tmp_path, monkeypatch) -> None:
    """Of a film of the same size: SANA-WM's and LTX-2's tokens are of 32 pixels, and MotionMaster's of 8."""
    from parascale.generators import GENERATORS
    from parascale.generators.diffusion import run
    from parascale.generators.identify import identify

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    source = getattr(tiny_models, folder)
    parts = {"fun_5b": tiny_models.parts_5b, "fun": tiny_models.parts}.get(folder)
    if folder == "stable_diffusion":
        parts = tmp_path / "parts"
        parts.mkdir()
        (parts / "adapter").symlink_to(tiny_models.motion_adapter)
    inspection = identify(source, parts).inspection
    assert inspection.block.get("token", 16) == token

    class SeenError(Exception):
        """What a run asked for."""

    def look(_self, numbers, block, length=1):
        raise SeenError({"numbers": sorted(numbers.values()), "block": dict(block), "length": length})

    monkeypatch.setattr(run.Run, "check_memory", look)
    own = {"fun_5b": {"model": "2.2-5B", "parts": str(parts)}}.get(folder, {})
    name = inspection.generator
    film = {"source_video": str(tmp_path / "s.mp4")} if name == "motionmaster" else {}
    size = {"width": 64, "height": 64}
    if film:
        write_grey(Path(film["source_video"]))
    request = ask(name, weights=str(source), **own, **film, **size)
    with pytest.raises(SeenError) as caught:
        GENERATORS[name].generate(request, tmp_path)
    asked = caught.value.args[0]
    # Decoding is counted by the frames that are asked for where all are decoded at once.
    found, block = (
        {key: value for key, value in each.items() if key != "decoder"} for each in (asked["block"], inspection.block)
    )
    assert (found, asked["length"]) == (block, inspection.length)


def write_grey(path: Path) -> None:
    import numpy as np

    from parascale.media.video_writer import VideoWriter

    with VideoWriter(path, 64, 64, 16.0) as writer:
        for _ in range(9):
            writer.write(np.full((64, 64, 3), 127, np.uint8))
