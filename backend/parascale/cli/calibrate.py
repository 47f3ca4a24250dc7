from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parascale.cli.common import (
    DepthScale,
    JsonOption,
    foreign_output_on_stderr,
    open_shot,
    print_json,
    print_notes,
    progress_bar,
    refuse_ignored,
    require_blender,
)
from parascale.cli.numbers import MOST_FRAMES, number
from parascale.cli.output import Overwrite, check_outputs, output_of, save_shot, stem_of, unused_name
from parascale.errors import InputError

if TYPE_CHECKING:
    from parascale.parallax.calibrate import Calibration, Settings
    from parascale.parallax.residuals import Weights
    from parascale.parallax.shot import Shot
    from parascale.parallax.target import Target


def calibrate(
    shot: Annotated[Path, typer.Argument(help="The reference shot.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The shot file to write; default: NAME.calibrated.shot.json here."),
    ] = None,
    depth: Annotated[float | None, number("Median depth of the target, if nothing more is known.")] = None,
    depth_map: Annotated[Path | None, typer.Option(help="The target's depth map: EXR, 16-bit PNG, .npy, .npz.")] = None,
    depth_scale: DepthScale = None,
    fov: Annotated[
        float | None, number("Horizontal field of view of the depth map, degrees.", above=0, below=180)
    ] = None,
    scene: Annotated[Path | None, typer.Option(help="The target: a .blend file.")] = None,
    camera: Annotated[str | None, typer.Option(help="Camera to start from; default: the active camera.")] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="What is kept: {presets}; default: {default_preset}. The options below change it."),
    ] = None,
    method: Annotated[str | None, typer.Option(help="How the gain is found: {methods}.")] = None,
    strength: Annotated[float, number("Multiplies the Parallax Number.", least=0, most=1e6)] = 1.0,
    smooth: Annotated[
        float, number("Sigma in frames of a Gaussian over the gain; 0 is off.", least=0, most=MOST_FRAMES)
    ] = 0.0,
    lens: Annotated[str | None, typer.Option(help="Lens of the realised camera: {lenses}.")] = None,
    framing: Annotated[
        float | None, number("How far the camera turns to hold the subject: 0, not at all, to 1.", least=0, most=1)
    ] = None,
    subject: Annotated[
        str | None, typer.Option(help="Object of the .blend file to hold; default: what stands at the subject's place.")
    ] = None,
    horizon: Annotated[str | None, typer.Option(help="The horizon: {horizons}.")] = None,
    clearance: Annotated[
        float | None, number("Distance to keep from surfaces, in the target's unit; 0 is off.", least=0)
    ] = None,
    anchor_frame: Annotated[
        int, typer.Option(help="Frame of the reference that the camera stands for; -1 is the last.")
    ] = 0,
    midpoint: Annotated[
        bool, typer.Option("--midpoint", help="Measure the depth at both ends of each step: for shots of few frames.")
    ] = False,
    along: Annotated[
        float, number("Multiplies the motion along the view, beside --strength.", least=0, most=1e6)
    ] = 1.0,
    across: Annotated[
        float, number("Multiplies the motion across the view, beside --strength.", least=0, most=1e6)
    ] = 1.0,
    size: Annotated[str | None, typer.Option(help="The subject's size in the picture: {sizes}.")] = None,
    size_budget: Annotated[
        float | None,
        number("With --size dolly, the largest change of P, as a logarithm; default: 0.1.", least=0, most=1.0),
    ] = None,
    solver: Annotated[str | None, typer.Option(help="How the path is found: {solvers}.")] = None,
    weight: Annotated[
        list[str] | None, typer.Option(help="With --solver optimise, how much a part counts: NAME=NUMBER of {weights}.")
    ] = None,
    overwrite: Overwrite = False,
    json: JsonOption = False,
) -> None:
    """Transfer a shot's motion to a target so that every frame keeps its Parallax Number.

    Example: parascale calibrate walk.shot.json --scene desk.blend -o desk.shot.json
    """
    from parascale.parallax.fitting import fits
    from parascale.parallax.gauge import compare_depth
    from parascale.parallax.settings import DEFAULT_PRESET, Settings

    if sum(target is not None for target in (depth, depth_map, scene)) != 1:
        raise InputError("give the target by exactly one of --depth, --depth-map and --scene")
    chosen = {"method": method, "lens": lens, "framing": framing, "horizon": horizon, "clearance": clearance}
    chosen |= {"solver": solver, "size": size, "size_budget": size_budget}
    given = {name: value for name, value in chosen.items() if value is not None}
    settings = Settings.preset(
        preset or DEFAULT_PRESET,
        strength=strength,
        smooth=smooth,
        anchor_frame=anchor_frame,
        midpoint=midpoint,
        strength_along=along,
        strength_across=across,
        weights=_parse_weights(weight or []),
        **given,
    )
    follows = settings.method in ("closed-loop", "felt")
    with_surfaces = "a target with surfaces: --scene or --depth-map"
    refuse_ignored(
        (subject is not None, "--subject", "--scene", scene is not None),
        (camera is not None, "--camera", "--scene", scene is not None),
        (depth_scale is not None, "--depth-scale", "--depth-map", depth_map is not None),
        (fov is not None, "--fov", "--depth-map", depth_map is not None),
        (bool(weight), "--weight", "--solver optimise", settings.solver == "optimise"),
        (size_budget is not None, "--size-budget", "--size dolly", settings.size == "dolly"),
        (midpoint, "--midpoint", "--method closed-loop or felt", follows),
        (bool(framing), "--framing", with_surfaces, depth is None),
        (horizon == "keep", "--horizon keep", with_surfaces, depth is None),
        (bool(clearance), "--clearance", with_surfaces, depth is None),
    )
    output = output or unused_name(stem_of(shot), ".calibrated.shot.json")
    check_outputs("calibrate", output_of("shot", output), (shot, depth_map, scene), overwrite=overwrite)
    reference = open_shot(shot)
    file = None
    if depth_map is not None:
        from parascale.media.depth_file import read_depth_map
        from parascale.projection.depth_map import depth_map_target

        file = read_depth_map(depth_map, depth_scale)
        print_notes(file.warnings)
        target = depth_map_target(file.depth, reference, fov)
    elif scene is not None:
        require_blender("--scene")
        from parascale.blender.scene_file import scene_target

        with foreign_output_on_stderr():
            target = scene_target(scene, camera, subject)
    else:
        from parascale.parallax.target import constant_target

        assert depth is not None
        target = constant_target(depth, reference)
    with progress_bar() as progress:
        result = _carry(reference, target, settings, progress)
    if file is not None:
        print_notes(compare_depth(file.depth, result.shot))
    save_shot(result.shot, output, "calibrate")
    if not fits(result.report):
        _offer_strength(reference, target, settings)
    _print_report(result, output, json=json)


def _parse_weights(given: list[str]) -> "Weights":
    from parascale.parallax.residuals import Weights

    names = [each.name for each in fields(Weights)]
    found: dict[str, float] = {}
    for text in given:
        name, _, value = text.partition("=")
        try:
            found[name.strip().replace("-", "_")] = float(value)
        except ValueError:
            raise InputError(f"--weight expects NAME=NUMBER, got {text!r}") from None
    unknown = [name for name in found if name not in names]
    if unknown:
        raise InputError(f"the weight {unknown[0]!r} is not one of {', '.join(names)}")
    return Weights(**found)


def _carry(
    reference: "Shot", target: "Target", settings: "Settings", progress: Callable[[float, str], None] | None
) -> "Calibration":
    from parascale.parallax.calibrate import calibrate as calibrate_shot

    return calibrate_shot(
        reference,
        target.depth,
        target.anchor,
        settings,
        unit=target.unit,
        metres_per_unit=target.metres_per_unit,
        facts=target.facts,
        progress=progress,
    )


def _offer_strength(reference: "Shot", target: "Target", settings: "Settings") -> None:
    """Look for the largest strength at which no surface is in the way, and say it."""
    from dataclasses import replace

    from parascale.parallax.fitting import find_largest_strength

    own = settings.strength
    with progress_bar() as progress:
        share = find_largest_strength(
            lambda share: _carry(reference, target, replace(settings, strength=own * share), progress).report
        )
    if share is None:
        print_notes(["a surface is in the way at any strength: start elsewhere, or turn the camera"])
    else:
        print_notes([f"a surface is in the way: the move fits with --strength {share * float(own):.3g}"])


def _show(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(_show, value)) if isinstance(value, list) else str(value)


def _print_report(result: "Calibration", output: Path, *, json: bool) -> None:
    report = result.report.as_json() | {"output": str(output)}
    if json:
        print_json(report)
        return
    print_notes(result.report.warnings)
    for key, value in report.items():
        if key not in ("warnings", "verdict") and value not in (None, "", []):
            print(f"{key:24} {_show(value)}")
    for severity, told in result.report.verdict:
        print(f"{severity:8} {told}")
