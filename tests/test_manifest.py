"""The manifest: read, found, and resolved for a platform that need not be this one."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap import manifest
from heapswap.allocators import spelling
from heapswap.errors import Misuse
from heapswap.manifest import Choice, Declared, Defaults, Manifest, found_from, parse, resolve, spelled

LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"}
MACOS = {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"}
WINDOWS = {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"}
PLATFORMS = (LINUX, MACOS, WINDOWS)

DESIGN = """
[tool.heapswap]
default-features = ["mimalloc"]

[tool.heapswap.features]
mimalloc = { allocator = "mimalloc", secure = false }
hardened = { allocator = "mimalloc", secure = true }

[tool.heapswap.features.jemalloc]
allocator = "jemalloc"
marker = "sys_platform == 'linux'"
knobs = { background_thread = true, dirty_decay_ms = 1000 }
"""


def read(text: str) -> Manifest:
    found = parse(text, "pyproject.toml", ("tool", "heapswap"))
    assert found is not None
    return found


def choose(*names: str, defaults: Defaults = Defaults.WITH) -> Choice:
    return Choice(features=tuple((name, "--features") for name in names), defaults=defaults)


# ------------------------------------------------------------------------------------------------------ resolving


def test_the_default_feature_is_active() -> None:
    declared = resolve(read(DESIGN), Choice(), LINUX)
    assert declared == Declared(spelling="mimalloc", asked="pyproject.toml, feature mimalloc from default-features")


def test_a_feature_instead_of_the_default() -> None:
    declared = resolve(read(DESIGN), choose("jemalloc", defaults=Defaults.WITHOUT), LINUX)
    assert declared.spelling == "jemalloc:background_thread=true,dirty_decay_ms=1000"


def test_secure_on_request() -> None:
    assert resolve(read(DESIGN), choose("hardened", defaults=Defaults.WITHOUT), LINUX).spelling == "mimalloc+secure"


def test_two_active_features_are_refused_and_both_named_with_where_they_were_asked_for() -> None:
    with pytest.raises(Misuse) as refused:
        resolve(read(DESIGN), choose("jemalloc"), LINUX)
    assert str(refused.value) == (
        "global allocator has already been set: jemalloc from --features, mimalloc from default-features "
        "(pyproject.toml); leave the defaults out with --no-default-features"
    )


@pytest.mark.parametrize("platform", [MACOS, WINDOWS], ids=["macOS", "Windows"])
def test_a_guard_that_excludes_the_platform_leaves_the_system_allocator_and_one_line(platform: dict[str, str]) -> None:
    declared = resolve(read(DESIGN), choose("jemalloc", defaults=Defaults.WITHOUT), platform)
    assert declared.spelling == ""
    assert declared.remark == (
        "the system allocator stays: on this platform no feature applies "
        "('jemalloc' is for sys_platform == 'linux'; pyproject.toml)"
    )


def test_a_feature_that_a_guard_excludes_is_no_second_allocator() -> None:
    declared = resolve(read(DESIGN), choose("jemalloc"), MACOS)
    assert (declared.spelling, declared.remark) == ("mimalloc", "")


def test_no_feature_at_all_is_no_declaration_and_no_line() -> None:
    declared = resolve(read(DESIGN), choose(defaults=Defaults.WITHOUT), LINUX)
    assert (declared.spelling, declared.remark) == ("", "")


def test_an_unknown_feature_names_the_near_ones() -> None:
    with pytest.raises(Misuse, match=r"declares no feature 'jemaloc'; did you mean jemalloc"):
        resolve(read(DESIGN), choose("jemaloc"), LINUX)


@pytest.mark.parametrize(
    "marker", ["sys_platform = linux", "sys_platform ~= 'linux'", "python_full_version ~= '3'", "platform == 'linux'"]
)
def test_a_marker_that_is_none_or_compares_what_cannot_be_compared(marker: str) -> None:
    text = f'[tool.heapswap.features]\none = {{ allocator = "mimalloc", marker = "{marker}" }}'
    with pytest.raises(Misuse, match=r"feature 'one': .*; write a PEP 508 marker"):
        resolve(read(text), choose("one"), LINUX)


def test_what_the_environment_asks_for() -> None:
    assert manifest.asked_by({}) == Choice()
    asked = manifest.asked_by({"HEAPSWAP_FEATURES": "jemalloc, checks", "HEAPSWAP_NO_DEFAULT_FEATURES": "1"})
    assert asked.features == (("jemalloc", "HEAPSWAP_FEATURES"), ("checks", "HEAPSWAP_FEATURES"))
    assert asked.defaults is Defaults.WITHOUT
    assert manifest.asked_by({"HEAPSWAP_NO_DEFAULT_FEATURES": "0"}) == Choice()
    assert choose("one").joined(asked).features == (("one", "--features"), *asked.features)
    assert choose("one").joined(asked).defaults is Defaults.WITHOUT


MARKERS: dict[str, Callable[[dict[str, str]], bool]] = {
    "": lambda _: True,
    "sys_platform == 'linux'": lambda platform: platform["sys_platform"] == "linux",
    "sys_platform != 'win32'": lambda platform: platform["sys_platform"] != "win32",
    "platform_machine == 'arm64' or os_name == 'nt'": lambda platform: platform is not LINUX,
}
"""A guard, and what it has to say of a platform."""

NAMES = ("first", "second", "third")


@given(
    guards=st.lists(st.sampled_from(list(MARKERS)), min_size=3, max_size=3),
    default=st.sets(st.sampled_from(NAMES)),
    asked=st.lists(st.sampled_from(NAMES), max_size=4),
    defaults=st.sampled_from(Defaults),
    platform=st.sampled_from(PLATFORMS),
)
def test_resolution_is_the_one_feature_that_is_asked_for_and_applies(
    guards: list[str], default: set[str], asked: list[str], defaults: Defaults, platform: dict[str, str]
) -> None:
    features = "\n".join(
        f'{name} = {{ allocator = "mimalloc@{number}", marker = "{guard}" }}'
        for number, (name, guard) in enumerate(zip(NAMES, guards, strict=True))
    )
    text = f"[tool.heapswap]\ndefault-features = {sorted(default)}\n[tool.heapswap.features]\n{features}"
    requested = set(asked) | (default if defaults is Defaults.WITH else set())
    applying = [
        number
        for number, (name, guard) in enumerate(zip(NAMES, guards, strict=True))
        if name in requested and MARKERS[guard](platform)
    ]
    if len(applying) > 1:
        with pytest.raises(Misuse, match="global allocator has already been set") as refused:
            resolve(read(text), choose(*asked, defaults=defaults), platform)
        for number in applying:
            assert f"{NAMES[number]} from " in str(refused.value)
        return
    declared = resolve(read(text), choose(*asked, defaults=defaults), platform)
    assert declared.spelling == (f"mimalloc@{applying[0]}" if applying else "")
    assert bool(declared.remark) == (not applying and bool(requested))
    assert declared.remark.count("\n") == 0


# ------------------------------------------------------------------------------------------------------- spelling


@pytest.mark.parametrize(
    ("allocator", "secure", "knobs", "expected"),
    [
        ("mimalloc", False, {}, "mimalloc"),
        ("mimalloc", True, {}, "mimalloc+secure"),
        ("mimalloc+secure", True, {}, "mimalloc+secure"),
        ("mimalloc@2", True, {"purge_delay": 0}, "mimalloc+secure@2:purge_delay=0"),
        (
            "jemalloc/returning",
            False,
            {"thp": "never", "background_thread": True},
            "jemalloc/returning:thp=never,background_thread=true",
        ),
        ("system:arena_max=2", False, {"top_pad": "64KiB"}, "system:arena_max=2,top_pad=64KiB"),
        ("/opt/libm.so", False, {"a": 1.5}, "/opt/libm.so:a=1.5"),
    ],
)
def test_how_a_request_is_spelled(allocator: str, secure: bool, knobs: dict[str, object], expected: str) -> None:
    assert spelled(allocator, knobs, secure=secure) == expected


@pytest.mark.parametrize("allocator", ["/opt/libm.so", "system", "current"])
def test_what_has_no_secure_build(allocator: str) -> None:
    with pytest.raises(Misuse, match="secure is a build of a family"):
        spelled(allocator, {}, secure=True)


@pytest.mark.parametrize("value", [None, [1], "a,b", "a b", ""])
def test_values_that_no_knob_can_have(value: object) -> None:
    with pytest.raises(Misuse, match="the knob narenas is"):
        spelled("jemalloc", {"narenas": value})


@given(
    name=st.from_regex(r"[a-z][a-z0-9_-]{0,9}", fullmatch=True).filter(lambda name: name not in ("system", "current")),
    secure=st.booleans(),
    knobs=st.dictionaries(
        st.from_regex(r"[a-z_][a-z0-9_]{0,9}", fullmatch=True), st.one_of(st.booleans(), st.integers()), max_size=3
    ),
)
def test_every_spelling_can_be_read(name: str, secure: bool, knobs: dict[str, object]) -> None:
    candidate = spelling.parse(spelled(name, knobs, secure=secure))
    assert candidate.library == name
    assert candidate.features == (("secure",) if secure else ())
    assert len(candidate.knobs) == len(knobs)


# -------------------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[tool.heapswap]\ndefault-feature = []", r"unknown key 'default-feature'; did you mean default-features"),
        (
            "[tool.heapswap.features]\none = { alocator = 'x' }",
            r"feature 'one' has the unknown key 'alocator'; did you mean allocator",
        ),
        ("[tool.heapswap.features]\none = 'mimalloc'", "feature 'one' is 'mimalloc', not a table"),
        ("[tool.heapswap.features]\none = {}", "names no allocator"),
        ("[tool.heapswap.features]\none = { allocator = 'x', secure = 'yes' }", "secure is 'yes'; write true or false"),
        ("[tool.heapswap.features]\none = { allocator = 'x', marker = 3 }", "marker is no text"),
        ("[tool.heapswap.features]\none = { allocator = 'x', knobs = { a = [] } }", "feature 'one': the knob a is"),
        ("[tool.heapswap]\ndefault-features = 'mimalloc'", "write a list of features"),
        ("[tool.heapswap]\ndefault-features = ['none']", "declares no feature 'none'; it has none"),
        ("[tool]\nheapswap = 3", "is 3, not a table"),
        ("[tool", "is not TOML"),
    ],
)
def test_what_cannot_be_meant_is_one_line(text: str, says: str) -> None:
    with pytest.raises(Misuse, match=says) as refused:
        read(text)
    assert "pyproject.toml" in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_project_without_the_section_is_no_manifest() -> None:
    assert parse("[tool.other]\na = 1", "pyproject.toml", ("tool", "heapswap")) is None


def test_the_nearest_manifest_upwards_then_from_the_next_folder(tmp_path: Path) -> None:
    app, elsewhere = tmp_path / "project" / "src" / "app", tmp_path / "elsewhere"
    app.mkdir(parents=True)
    elsewhere.mkdir()
    assert found_from([app, elsewhere]) is None
    (elsewhere / "heapswap.toml").write_text("default-features = []")
    assert getattr(found_from([app, elsewhere]), "source", "") == str(elsewhere / "heapswap.toml")
    (tmp_path / "project" / "pyproject.toml").write_text(DESIGN)
    (tmp_path / "project" / "src" / "pyproject.toml").write_text("[project]\nname = 'no-section'")
    assert getattr(found_from([app, elsewhere]), "source", "") == str(tmp_path / "project" / "pyproject.toml")
    # The folder of a program in an archive is the archive, a file.
    archive = tmp_path / "project" / "app.pyz"
    archive.write_bytes(b"")
    assert getattr(found_from([archive]), "source", "") == str(tmp_path / "project" / "pyproject.toml")


def test_two_manifests_in_one_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(DESIGN)
    (tmp_path / "heapswap.toml").write_text("default-features = []")
    with pytest.raises(Misuse, match="both declare; keep one of the two"):
        found_from([tmp_path])


@pytest.mark.parametrize(
    ("owner", "mode", "trusted"), [(1000, 0o1777, True), (0, 0o1777, True), (1001, 0o1777, False), (1001, 0o755, True)]
)
def test_in_a_folder_of_everybody_only_ones_own_manifest_counts(owner: int, mode: int, trusted: bool) -> None:
    assert manifest.is_trusted(owner, mode, user=1000) is trusted
