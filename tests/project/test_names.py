from __future__ import annotations

import pytest

from vpipe_utils.project.names import require_file_name, require_model_name, require_preset_name

NOT_ALLOWED = ["", ".", "..", "a/b", "my town", "a\n", "-a", ".a", "a.", "a{b}", "REFERENCE", 7, True, None]


@pytest.mark.parametrize("name", ["demo", "2024_05", "007", "v1.2", "Zürich-Nord", "on", "null"])
def test_names_a_preset_may_have(name: str) -> None:
    assert require_preset_name(name) == name


@pytest.mark.parametrize("name", NOT_ALLOWED)
def test_names_a_preset_may_not_have(name: object) -> None:
    with pytest.raises(ValueError, match="^(the name of the )?preset .*(take|write|name) "):
        require_preset_name(name)


@pytest.mark.parametrize("name", ["convnext v2", "vgg16.bn", "a/b", "", "-a", "{model}", 7])
def test_names_a_model_may_not_have(name: object) -> None:
    assert require_model_name("eva02_base-tiles") == "eva02_base-tiles"
    with pytest.raises(ValueError, match="^model .*(take letters|write it in quotes)"):
        require_model_name(name)


@pytest.mark.parametrize("name", ["training", "frame", "super_image"])
def test_files_that_hold_something_else_are_no_models(name: str) -> None:
    with pytest.raises(ValueError, match=f"take another, {name}.yaml holds something else"):
        require_model_name(name)


@pytest.mark.parametrize("name", ["../data", "a.b", "", 7])
def test_names_a_trick_may_not_have(name: object) -> None:
    assert require_file_name("trick", "no_flip") == "no_flip"
    with pytest.raises(ValueError, match="^trick .*(take letters|write it in quotes)"):
        require_file_name("trick", name)
