"""Settings: presets, files, and names of earlier versions."""

import argparse
import hashlib
import json
from dataclasses import fields, replace
from pathlib import Path

import pytest

from vsreid_studio.cli.options import add_engine_options, config_of
from vsreid_studio.config import EARLIER_VALUES, FORMER_NAMES, PAPER, Config, load, plain, preset
from vsreid_studio.errors import UserError


def written(folder: Path, text: str) -> Path:
    file = folder / "settings.toml"
    file.write_text(text, encoding="utf-8")
    return file


def options(*words: str) -> Config:
    parser = argparse.ArgumentParser()
    add_engine_options(parser)
    return config_of(parser.parse_args(words))


def test_the_presets() -> None:
    assert preset("studio") == Config()
    assert preset("paper") == PAPER
    assert (PAPER.reid.rho_reid, PAPER.reid.rho_occ) == (Config().reid.rho_reid, Config().reid.rho_occ)
    assert PAPER.propagation.lost_area == 0


def test_a_file_chooses_a_preset_and_overrides_it(tmp_path: Path) -> None:
    file = written(tmp_path, 'preset = "paper"\n[propagation]\nsoft_aggregation = true\n')
    config = load(file)
    assert config.propagation.soft_aggregation
    assert not config.propagation.temporal_smoothing
    assert config.reid == PAPER.reid


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, 'preset = "paper"\n[reid]\nrho_reid = 0.5\n')
    assert options("--preset", "paper") == PAPER
    assert options("--config", str(file)).propagation == PAPER.propagation
    both = options("--preset", "studio", "--config", str(file), "--rho-occ", "0.1")
    assert both.propagation == Config().propagation
    assert (both.reid.rho_reid, both.reid.rho_occ) == (0.5, 0.1)


def test_an_unknown_preset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'preset' should be one of paper, studio, not 'film'"):
        load(written(tmp_path, 'preset = "film"\n'))


def test_names_of_earlier_versions_are_read(tmp_path: Path) -> None:
    text = """
[propagation]
template = false
careful = false
compete = false
vote = false
smooth = false
stray_gap = 0.0
lost_area = 0.0
rivals = false
[reid]
track = false
least_confidence = 0.0
only_better = false
alibi = false
trust = false
competition = false
search_every = 1
"""
    assert load(written(tmp_path, text)) == PAPER


def test_a_setting_under_both_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'soft_aggregation' twice"):
        load(written(tmp_path, "[propagation]\nsoft_aggregation = true\ncompete = false\n"))


def test_former_names_lead_to_settings() -> None:
    config = Config()
    known = {item.name for part in (config.propagation, config.reid) for item in fields(part)}
    assert set(FORMER_NAMES.values()) <= known
    assert not known & FORMER_NAMES.keys()


def test_what_identifies_kept_work_stays() -> None:
    earlier = Config(reid=replace(Config().reid, **EARLIER_VALUES))
    text = json.dumps(plain(earlier), sort_keys=True)
    # A new value orphans every kept run: give a new setting the old behaviour under its default, left out,
    # and keep the old value of a setting whose default has changed among `EARLIER_VALUES`.
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "acb37b3a3ee05e70"
    assert plain(Config(), earlier=True) == plain(earlier)


def test_only_usual_values_stand_for_earlier_ones() -> None:
    chosen = Config(reid=replace(Config().reid, rho_reid=0.9))
    known = plain(chosen, earlier=True)["reid"]
    assert known["rho_reid"] == 0.9 and known["least_confidence"] == EARLIER_VALUES["least_confidence"]
