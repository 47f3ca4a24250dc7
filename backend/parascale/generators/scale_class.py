"""What a generator's camera input means, in the words users are told."""

from collections.abc import Collection, Mapping

from parascale.link.messages import ScaleClass

MEANING: dict[ScaleClass, str] = {
    "A": "raw units: the path is taken as it is, times the profile's units per depth",
    "B": "metric: the path is taken in metres",
    "C": "scale-erasing: the path is divided by its own length, so calibration has no effect on it",
    "D": "depth-rendered: the path acts through the picture's own depth, so its scale is right by construction",
}

# Layers that only models have which divide the path by its own length.
_ERASING_LAYERS = {
    "lingbot-world": ("cam_injector_layer1", "patch_embedding_wancamctrl"),
    "Uni3C": ("controlnet_mask_embedding", "controlnet_rope"),
}
_ERASING_SETTINGS = ("normalize_trans", "camera_scale", "norm_trans")


def erasing_model(names: Collection[str], config: Mapping[str, object]) -> str | None:
    """Recognise a checkpoint whose model divides the path by its own length, by its tensors and its settings.

    Parameters
    ----------
    names : collection of str
        The checkpoint's tensors.
    config : mapping
        Its config.json.

    Returns
    -------
    str or None
        What the model is called.
    """
    for model, layers in _ERASING_LAYERS.items():
        if any(layer in name for name in names for layer in layers):
            return model
    setting = next((setting for setting in _ERASING_SETTINGS if config.get(setting)), None)
    return None if setting is None else f"a model with {setting}"
