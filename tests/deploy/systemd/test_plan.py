"""Services: the environment as systemd itself computes it, and what would keep a drop-in from taking effect."""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heapswap.deploy.deployments import Receipts, apply, revert
from heapswap.deploy.model import Plan
from heapswap.deploy.systemd import unit
from heapswap.deploy.systemd.plan import DROP_IN, folder, plan
from heapswap.deploy.tree import Tree
from heapswap.errors import CannotGoOn, Misuse
from tests.deploy.support import after, chosen, owners
from tests.deploy.test_deployments import snapshot
from tests.native.support import library, program

SERVICE = "[Unit]\nDescription=The shop\n\n[Service]\n{settings}\nExecStart=/usr/bin/env -u NOTHING\n"
LIBRARY = "/usr/local/lib/heapswap/shop.service/jemalloc.so"


def service(root: Path, *rows: str, name: str = "shop.service", where: str = "etc/systemd/system") -> Path:
    file = root / where / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(SERVICE.format(settings="\n".join(rows)))
    program = root / "usr/bin/env"
    program.parent.mkdir(parents=True, exist_ok=True)
    if not program.exists():
        shutil.copy("/usr/bin/env", program)
    return file


def drop_in(root: Path, unit_name: str, name: str, *rows: str) -> Path:
    file = root / "etc/systemd/system" / f"{unit_name}.d" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(("[Service]", *rows)) + "\n")
    return file


def applied(root: Path, made: Plan) -> None:
    receipts = Receipts(folder=root.parent / "state")
    receipts.folder.mkdir(exist_ok=True)
    apply(made, None, receipts)


def environment_of(root: Path, name: str = "shop.service") -> dict[str, str]:
    """What systemd's own manager, in its test mode, gives the service."""
    units = root / "etc/systemd/system"
    (units / "default.target").write_text(f"[Unit]\nDescription=all\nWants={name}\n")
    for path in (root.parent, root, *root.rglob("*")):
        path.chmod(path.stat().st_mode | 0o055 if path.is_dir() else path.stat().st_mode | 0o044)
    nobody = pwd.getpwnam("nobody")
    words = [program("setpriv", "util-linux"), f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    manager = next(path for path in ("/lib/systemd/systemd", "/usr/lib/systemd/systemd") if Path(path).exists())
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "XDG_RUNTIME_DIR": "/tmp",
        "SYSTEMD_UNIT_PATH": f"{units}:{root}/usr/lib/systemd/system",
    }
    started = words if os.geteuid() == 0 else []
    command = [*started, manager, "--user", "--test", "--unit=default.target"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, cwd="/", timeout=60)
    (block,) = re.findall(rf"-> Unit {re.escape(name)}:\n((?:\t\t.*\n)+)", done.stdout)
    return dict(row.split("=", 1) for row in re.findall(r"\tEnvironment: (.*)", block))


def verified(root: Path, name: str = "shop.service") -> str:
    """What ``systemd-analyze verify`` says about the drop-in; empty: nothing."""
    environ = {**os.environ, "SYSTEMD_UNIT_PATH": f"{root}/etc/systemd/system:{root}/usr/lib/systemd/system:"}
    command = [program("systemd-analyze", "systemd"), "verify", "--man=no", name]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)
    return "\n".join(row for row in (done.stdout + done.stderr).splitlines() if DROP_IN in row)


@pytest.fixture
def root() -> Iterator[Path]:
    """A root folder where every user may look: systemd's manager refuses to be tested as the superuser."""
    with tempfile.TemporaryDirectory(prefix="heapswap-units-") as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "root").mkdir()
        yield Path(folder).resolve() / "root"


def test_systemd_gives_the_service_the_variables_beside_its_own(root: Path, tmp_path: Path) -> None:
    service(root, 'Environment=LD_PRELOAD=/opt/apm.so "NAME=the shop" PERCENT=50%%')
    applied(root, plan("shop", chosen("jemalloc/returning:narenas=2"), Tree(), root))
    given = environment_of(root)
    conf = "background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0,narenas:2"
    assert given == {
        "LD_PRELOAD": f"{LIBRARY}:/opt/apm.so",
        "NAME": "the shop",
        "PERCENT": "50%",
        "_RJEM_MALLOC_CONF": conf,
    }
    assert verified(root) == ""
    environ = {key: value.replace("/opt/apm.so", str(library("scope"))) for key, value in given.items()}
    environ["LD_PRELOAD"] = environ["LD_PRELOAD"].replace(LIBRARY, f"{root}{LIBRARY}")
    found = owners(["/usr/bin/env"], {"PATH": os.environ["PATH"], **environ}, tmp_path / "journal")
    assert found["env"] == f"{root}{LIBRARY}"


VALUES = st.text(st.sampled_from("aZ09 /:=,.%\\\"'$#;{}é"), max_size=12)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=VALUES)
def test_any_value_is_quoted_as_systemd_reads_it(value: str, root: Path) -> None:
    service(root, f"Environment={unit.quoted('VALUE', value)} {unit.quoted('AFTER', 'x')}")
    assert unit.environment(unit.read("shop.service", root, Tree())) == {"VALUE": value, "AFTER": "x"}
    assert environment_of(root) == {"VALUE": value, "AFTER": "x"}


@pytest.mark.parametrize(
    ("name", "rows", "drops"),
    [
        ("shop.service", ["Environment=A=1", "Environment=B=2 A=3"], []),
        ("shop.service", ["Environment=A=1", "Environment=", "Environment=B=2"], []),
        ("shop.service", ["Environment=A=1 \\", "  # a note", "  B=2"], []),
        ("shop.service", ["Environment=A=1"], [("shop.service", "10.conf", ["Environment=A=2"])]),
        ("shop.service", ["Environment=A=1"], [("service", "10.conf", ["Environment=A=2 B=3"])]),
        (
            "shop-eu@1.service",
            [],
            [
                ("shop-.service", "20.conf", ["Environment=A=prefix"]),
                ("shop-eu@.service", "10.conf", ["Environment=A=template B=t"]),
                ("shop-eu@1.service", "30.conf", ["Environment=C=own"]),
            ],
        ),
        (
            "shop.service",
            [],
            [("service", "10.conf", ["Environment=A=all"]), ("shop.service", "10.conf", ["Environment=A=own"])],
        ),
        ("shop.service", ["Environment='A=x y' \"B='q'\" C=a\\\\b"], []),
    ],
)
def test_the_environment_is_read_as_systemd_reads_it(
    name: str, rows: list[str], drops: list[tuple[str, str, list[str]]], root: Path
) -> None:
    service(root, *rows, name=name)
    for unit_name, file, lines in drops:
        drop_in(root, unit_name, file, *lines)
    assert unit.environment(unit.read(name, root, Tree())) == environment_of(root, name)


def test_reverted_byte_for_byte_with_the_folders(root: Path) -> None:
    service(root, "User=shop", where="usr/lib/systemd/system")
    before = snapshot(root)
    made = plan("shop.service", chosen("mimalloc"), Tree(), root)
    receipts = Receipts(folder=root.parent / "state")
    receipts.folder.mkdir()
    deployed = apply(made, None, receipts)
    assert (folder("shop", root) / DROP_IN).stat().st_mode & 0o777 == 0o644
    again = plan("shop", chosen("mimalloc"), Tree(), root)
    assert all(action.before == action.after for action in again.actions)
    assert deployed is not None
    revert(deployed, receipts)
    assert snapshot(root) == before


def test_knobs_alone_copy_no_library(root: Path) -> None:
    service(root)
    made = plan("shop", chosen("system:arena_max=2"), Tree(), root)
    assert after(made, folder("shop", root) / DROP_IN) == (
        b'# heapswap: system:arena_max=2\n[Service]\nEnvironment="MALLOC_ARENA_MAX=2"\n'
    )
    assert len(made.actions) == 1


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (["UnsetEnvironment=LD_PRELOAD LANG"], r"line 5: UnsetEnvironment= takes LD_PRELOAD away"),
        (["RootDirectory=/srv/shop"], r"line 5: the service has a root of its own"),
        (["InaccessiblePaths=-/usr/local"], r"line 5: InaccessiblePaths=-/usr/local hides /usr/local/lib/heapswap"),
        (["TemporaryFileSystem=/usr/local:ro"], "hides /usr/local/lib"),
        (["NoExecPaths=/", "ExecPaths=/usr/bin"], r"keeps the loader from .*; add ExecPaths=/usr/local/lib/heapswap"),
        (["NoExecPaths=/usr/local", "ExecPaths=/"], "keeps the loader from .*; narrow it"),
        (["EnvironmentFile=/etc/default/shop"], r"etc/default/shop, line 2 sets LD_PRELOAD, and an EnvironmentFile="),
    ],
)
def test_what_keeps_a_drop_in_from_taking_effect_is_refused(rows: list[str], says: str, root: Path) -> None:
    service(root, *rows)
    (root / "etc/default").mkdir()
    (root / "etc/default/shop").write_text("# the shop\nLD_PRELOAD=/opt/apm.so\n")
    before = snapshot(root)
    with pytest.raises(CannotGoOn, match=says) as refused:
        plan("shop", chosen("mimalloc"), Tree(), root)
    assert "\n" not in str(refused.value)
    assert snapshot(root) == before


def test_restrictions_that_leave_the_library_in_sight_are_fine(root: Path) -> None:
    service(
        root,
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "NoNewPrivileges=yes",
        "MemoryDenyWriteExecute=yes",
        "NoExecPaths=/",
        "ExecPaths=/usr /lib",
        "UnsetEnvironment=LANG",
        "UnsetEnvironment=",
        "DynamicUser=yes",
    )
    assert plan("shop", chosen("mimalloc"), Tree(), root).findings == ()


def test_a_library_in_a_home_that_is_hidden_is_refused(root: Path) -> None:
    service(root, "ProtectHome=tmpfs")
    with tempfile.TemporaryDirectory(prefix=".heapswap-test-", dir=Path.home()) as folder:
        copy = Path(folder) / "libmine.so"
        copy.write_bytes(library("mimalloc").read_bytes())
        with pytest.raises(CannotGoOn, match=r"ProtectHome=tmpfs hides .*libmine.so"):
            plan("shop", chosen(str(copy)), Tree(), root)


def test_a_later_drop_in_that_starts_the_environment_anew_is_refused(root: Path) -> None:
    service(root)
    drop_in(root, "shop.service", "99-last.conf", "Environment=", "Environment=A=1")
    with pytest.raises(CannotGoOn, match=r"99-last.conf, line 3 comes after 90-heapswap.conf"):
        plan("shop", chosen("mimalloc"), Tree(), root)


def test_another_allocator_is_refused_naming_both(root: Path) -> None:
    service(root, "Environment=LD_PRELOAD=/usr/lib/libtcmalloc_minimal.so.4")
    with pytest.raises(Misuse, match=r"already been set: tcmalloc .*, mimalloc from a test"):
        plan("shop", chosen("mimalloc"), Tree(), root)


def test_doubts_are_told(root: Path) -> None:
    service(root, "PassEnvironment=LD_PRELOAD", "EnvironmentFile=-/etc/default/gone", "LimitAS=1G")
    codes = [finding.code for finding in plan("shop", chosen("mimalloc"), Tree(), root).findings]
    assert codes == ["passed-environment", "unread-environment", "address-space"]


def test_a_program_that_cannot_be_preloaded_into_is_refused(root: Path, tmp_path: Path) -> None:
    service(root)
    source = tmp_path / "main.c"
    source.write_text("int main(void) { return 0; }\n")
    subprocess.run([program("gcc", "gcc"), "-static", str(source), "-o", str(root / "usr/bin/env")], check=True)
    with pytest.raises(CannotGoOn, match="statically linked"):
        plan("shop", chosen("mimalloc"), Tree(), root)


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("gone", CannotGoOn, r"there is no unit gone.service in"),
        ("shop.socket", Misuse, "starts no program"),
        ("../shop", Misuse, "is not the name of a unit"),
        ("", Misuse, "is not the name of a unit"),
        ("masked", CannotGoOn, "masked.service is masked"),
    ],
)
def test_what_is_no_service(name: str, kind: type[Exception], says: str, root: Path) -> None:
    service(root)
    (root / "etc/systemd/system/masked.service").symlink_to("/dev/null")
    with pytest.raises(kind, match=says):
        plan(name, chosen("mimalloc"), Tree(), root)
