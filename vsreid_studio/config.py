"""Settings: frozen dataclasses, and one optional TOML file that overrides them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_type_hints

from .errors import UserError
from .reading import quoted, read_toml

C = TypeVar("C")
_LARGEST = 1_000_000
"""No setting is above this."""
_MOST = 16
"""Nor has more numbers in a list."""
Preset = Literal["paper", "studio"]
"""'paper' is the three algorithms and nothing else, 'studio' all that the program adds to them."""
FORMER_NAMES = {
    "careful": "augment_corrected",
    "template": "read_memory",
    "compete": "soft_aggregation",
    "stray_gap": "component_gap",
    "vote": "bidirectional_fusion",
    "smooth": "temporal_smoothing",
    "track": "appearance_track",
    "alibi": "verification",
}
"""Settings by the names that earlier versions gave them: files of settings may go on using these."""
LATER = ("trust", "competition", "search_every")
"""Settings of `ReidConfig` that earlier versions did not have: with the usual value they identify nothing."""
EARLIER_VALUES: dict[str, Any] = {"rho_reid": 0.65, "least_confidence": 0.72}
"""Former defaults: what was made with these stands for what is made with today's."""
MULTI_SCALE = (0.75, 1.0, 1.25)
"""`PropagationConfig.scales` where accuracy is worth three times the time."""


@dataclass(frozen=True)
class PropagationConfig:
    """Of N_mp at test time.

    Attributes:
        size: which networks, 'lite' (CPU) or 'paper' (GPU).
        scales: patch sizes averaged over, as factors of the network's own.
        flip: also average over the mirrored patch.
        augment_corrected: average over two larger scales and flips what is recovered, what is cut out of a
            box, and, with finer flow, an instance that a person has corrected, see
            `engine.extensions.test_time_augmentation`: there every outline counts.
        crop: what N_mp sees, the 'box' around the guiding map or the whole 'frame' (Table 1, first row).
        flow_stream: use the flow stream beside the RGB stream.
        read_memory: let N_mp read the memory of checkpoints, see `engine.extensions.memory`.
        memory: most entries an instance's memory holds; the first checkpoint is always one of them.
        recent: how many recent confident frames may be among them (0: trusted masks only).
        rivals: remember other instances that are near, so that they are distinguished.
        soft_aggregation: let the maps of a frame share each pixel before they are propagated on, see
            `engine.extensions.soft_aggregation`; without, only the label map assigns pixels to instances
            (Sec. 3.3).
        recovery_rounds: number of passes of N_mp on a recovered instance, each guided by the previous
            result (authors' program: 5; here a second pass mostly repeats the first, right or wrong).
        component_gap: a small connected component of a map farther than this from the largest one is
            dropped, see `engine.extensions.connected_components` (0 keeps all).
        lost_area: an instance whose area falls below this share of its first one counts as lost and is
            not propagated on (authors' program: 0.1; 0 switches it off).
        bidirectional_fusion: between two masks that a person drew or approved let both have a say in each
            frame, not the nearer alone, see `engine.extensions.bidirectional_fusion`.
        temporal_smoothing: draw what was propagated towards the frames beside it, see
            `engine.extensions.temporal_smoothing`.
    """

    size: Literal["lite", "paper"] = "lite"
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    augment_corrected: bool = True
    crop: Literal["box", "frame"] = "box"
    flow_stream: bool = True
    read_memory: bool = True
    memory: int = 4
    recent: int = 0
    rivals: bool = True
    soft_aggregation: bool = True
    recovery_rounds: int = 1
    component_gap: float = 0.25
    lost_area: float = 0.1
    bidirectional_fusion: bool = True
    temporal_smoothing: bool = True


@dataclass(frozen=True)
class ReidConfig:
    """Of Algorithm 2.

    Attributes:
        enabled: whether to search for lost instances.
        rho_reid: a candidate must be more similar than this to the gallery (cosine).
        rho_occ: and overlap the present mask's box by less than this (IoU).
        only_missing: retrieve only where the instance's present map is empty (authors' program).
        max_overlap: reject a box whose IoU with another instance's box exceeds this (authors' program:
            0.3; 1 switches it off).
        exclusive: reject a box on which another instance scores higher (authors' program).
        appearance_track: compare also with what confident masks show of the instance and of what is beside
            it, see `engine.extensions.appearance_track`.
        rho_track: what such a mask shows counts as the instance if it is more similar than this to the
            gallery. One that trust has judged counts by its expected J instead.
        sure: a mask is confident from this predicted IoU on.
        least_confidence: a recovered mask whose confidence is below this is not offered (0: all are). With
            `trust` that is the expected IoU, else the predicted one.
        only_better: nor is one whose confidence does not exceed that of the map in its cell.
        verification: nor is one that, when it is propagated, is visible beside the instance, see
            `engine.extensions.verification`.
        trust: judge propagated and recovered masks by their appearance, too, and empty propagated ones that
            are probably wrong, see `engine.extensions.trust`.
        competition: do not offer what is more likely another tracked instance, see
            `engine.extensions.filters`.
        search_every: of the frames in which each instance has a map that is judged right, only every n-th is
            searched (1: all are).
        boxes: candidates kept a frame.
    """

    enabled: bool = True
    rho_reid: float = 0.6
    rho_occ: float = 0.3
    only_missing: bool = False
    max_overlap: float = 1.0
    exclusive: bool = False
    appearance_track: bool = True
    rho_track: float = 0.65
    sure: float = 0.8
    least_confidence: float = 0.35
    only_better: bool = True
    verification: bool = True
    trust: bool = True
    competition: bool = True
    search_every: int = 5
    boxes: int = 20


@dataclass(frozen=True)
class AdaptConfig:
    """Of the adaptation of N_mp to one video.

    Attributes:
        steps: optimizer steps for each instance (0: no adaptation).
        runs: samples in a step.
        rate: peak learning rate.
    """

    steps: int = 0
    runs: int = 3
    rate: float = 2e-4


@dataclass(frozen=True)
class Config:
    """Everything a run depends on beside the video and the masks.

    Attributes:
        device: 'auto' takes the GPU when there is one.
        flow: 'auto' takes RAFT on a GPU when its weights are there, else DIS.
    """

    propagation: PropagationConfig = field(default_factory=PropagationConfig)
    reid: ReidConfig = field(default_factory=ReidConfig)
    adapt: AdaptConfig = field(default_factory=AdaptConfig)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    flow: Literal["auto", "dis", "raft"] = "auto"


PAPER = Config(
    propagation=PropagationConfig(
        augment_corrected=False,
        read_memory=False,
        rivals=False,
        soft_aggregation=False,
        component_gap=0.0,
        lost_area=0.0,
        bidirectional_fusion=False,
        temporal_smoothing=False,
    ),
    reid=ReidConfig(
        appearance_track=False,
        least_confidence=0.0,
        only_better=False,
        verification=False,
        trust=False,
        competition=False,
        search_every=1,
    ),
)
"""Everything off that is not in the paper; ρ_reid and ρ_occ are those of the shipped networks."""


def preset(name: Preset) -> Config:
    """The settings of a preset."""
    return PAPER if name == "paper" else Config()


def plain(config: Config, *, earlier: bool = False) -> dict[str, dict[str, Any]]:
    """The sections of settings as plain data under the names of the first version.

    A checksum of this identifies results of earlier versions, so it must not change with a name.

    Args:
        earlier: in the place of today's default values those that earlier versions had.
    """
    former = {new: old for old, new in FORMER_NAMES.items()}
    usual = asdict(ReidConfig())
    reid = asdict(config.reid)
    if earlier:
        reid |= {name: value for name, value in EARLIER_VALUES.items() if reid[name] == usual[name]}

    def renamed(settings: dict[str, Any]) -> dict[str, Any]:
        return {
            former.get(name, name): value
            for name, value in settings.items()
            if name not in LATER or value != usual[name]
        }

    return {
        "propagation": renamed(asdict(config.propagation)),
        "reid": renamed(reid),
        "adapt": asdict(config.adapt),
    }


def load(path: Path, base: Config | None = None) -> Config:
    """Read settings from a TOML file over `base`.

    Args:
        base: None for the preset that the file names (`preset = "paper"`), or else 'studio'.

    Raises:
        UserError: it cannot be read, or holds an unknown or unfitting setting.
    """
    tables = read_toml(path)
    chosen = tables.pop("preset", "studio")
    if chosen not in get_args(Preset):
        raise UserError(
            f"{path}: 'preset' should be one of {', '.join(get_args(Preset))}, not {quoted(chosen)}."
        )
    return _override(base or preset(chosen), tables, str(path))


def _override(settings: C, values: dict[str, Any], where: str) -> C:
    known = {item.name: getattr(settings, item.name) for item in fields(settings)}  # type: ignore[arg-type]
    types = get_type_hints(type(settings))
    changed: dict[str, Any] = {}
    for written, value in values.items():
        former = FORMER_NAMES.get(written, written)
        name = former if former in known else written
        if name in changed:
            raise UserError(f"{where} has the setting '{name}' twice, once as '{written}'.")
        if name not in known:
            raise UserError(f"{where} has an unknown setting {quoted(name)}.")
        if is_dataclass(known[name]) and isinstance(value, dict):
            changed[name] = _override(known[name], value, where)
        else:
            changed[name] = _converted(known[name], value, f"{where}: '{name}'")
            choices = get_args(types[name]) if isinstance(value, str) else ()
            if value not in (choices or (value,)):
                raise UserError(
                    f"{where}: '{name}' should be one of {', '.join(choices)}, not {quoted(value)}."
                )
    return replace(settings, **changed)  # type: ignore[type-var]


def _converted(old: Any, value: Any, where: str) -> Any:
    """The value in the type of the one it replaces.

    Raises:
        UserError: it is of another type, or no figure that any setting can have.
    """
    if isinstance(old, tuple):
        if (
            isinstance(value, list)
            and 0 < len(value) <= _MOST
            and all(_is_number(item) and 0 < item <= _LARGEST for item in value)
        ):
            return tuple(float(item) for item in value)
        raise UserError(f"{where} should be a list of numbers above 0, not {quoted(value)}.")
    if isinstance(old, float) and _is_number(value) and abs(value) <= _LARGEST:
        value = float(value)
    if type(value) is not type(old):
        kind = "table" if is_dataclass(old) else type(old).__name__
        raise UserError(f"{where} should be a {kind}, not {quoted(value)}.")
    if _is_number(value) and not -1 <= value <= _LARGEST:
        raise UserError(f"{where} cannot be {quoted(value)}.")
    if isinstance(value, int) and value < 0:
        raise UserError(f"{where} should be 0 or more, not {value}.")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def digest(value: Any) -> str:
    """The sha256 of plain data; equal data give equal ones."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
