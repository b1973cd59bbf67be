"""Well-known programs say the same, and end the same, under every bundled allocator with the witness beside it.

redis-server is not among them: Debian's is built on jemalloc's private API and must not be swapped; preflight says so.
"""

import functools
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from heapswap.native import tracer
from heapswap.profiling import wire
from heapswap.traces.record import Limits, Reason, Recording
from tests.native.support import ALLOCATORS, ROOT, preloading, program

THREADS = """
import threading
sums = [0] * 6
def work(k):
    kept = [str(i) * (i % 50) for i in range(4000)]
    sums[k] = sum(map(len, kept))
threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sums)
"""
FORK = """
import os, threading
stop = threading.Event()
def allocate():
    while not stop.is_set():
        [bytearray(size) for size in range(600)]
busy = threading.Thread(target=allocate)
busy.start()
ends = []
for k in range(20):
    pid = os.fork()
    if pid == 0:
        kept = [bytes(i) for i in range(2000)]
        os._exit(k)
    ends.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
stop.set(); busy.join()
print(ends)
"""
MULTIPROCESSING = """
from multiprocessing import get_context
def work(n): return sum(len(str(i)) for i in range(n))
for way in ("fork", "spawn"):
    if __name__ == "__main__":
        with get_context(way).Pool(2) as pool:
            print(way, pool.map(work, range(0, 20000, 1000)))
"""
SSL = """
import ssl
context = ssl.create_default_context()
context.set_ciphers("HIGH")
out, into = ssl.MemoryBIO(), ssl.MemoryBIO()
for _ in range(50):
    side = context.wrap_bio(into, out, server_hostname="example.org")
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        pass
print(out.pending > 10000, ssl.RAND_status(), len(context.get_ca_certs()))
"""
SQLITE_MODULE = """
import sqlite3
db = sqlite3.connect(":memory:")
db.execute("create table t (k integer primary key, v text)")
db.executemany("insert into t values (?, ?)", ((i, str(i) * (i % 40)) for i in range(20000)))
print(db.execute("select count(*), sum(length(v)), max(v) from t").fetchall())
"""
SQL = """
create table t (k integer primary key, v text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 30000)
insert into t select i, hex(i * 7919 % 10007) from n;
create index by_value on t (v);
select count(*), count(distinct v), min(v), max(v) from t;
select v, count(*) from t group by v order by 2 desc, 1 limit 5;
"""
CPP = """
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>
int main() {
    std::vector<std::thread> threads;
    std::vector<std::size_t> sums(4);
    for (std::size_t k = 0; k < sums.size(); k++)
        threads.emplace_back([k, &sums] {
            std::map<std::string, std::unique_ptr<std::vector<int>>> kept;
            for (int i = 0; i < 5000; i++) kept[std::to_string(i * 31 % 4093)].reset(new std::vector<int>(i % 100));
            for (auto &[name, values] : kept) sums[k] += name.size() + values->size();
        });
    for (auto &thread : threads) thread.join();
    struct alignas(256) Wide { char bytes[256]; };
    auto wide = std::make_unique<Wide>();
    try { throw std::runtime_error(std::string(1000, 'x')); } catch (const std::exception &error) {
        std::cout << sums[0] << ' ' << sums[3] << ' ' << std::string(error.what()).size() << '\\n';
    }
    return reinterpret_cast<std::size_t>(wide.get()) % 256 ? 1 : 3;
}
"""
PIPELINE = """
set -o pipefail
words=(); for i in {1..3000}; do words+=("word$((i % 97))"); done
printf '%s\\n' "${words[@]}" | sort | uniq -c | sort -rn -k1,1 -k2 | sed -n 1,5p
text=$(printf 'x%.0s' {1..20000}); echo ${#text}
(exit 5); echo $?
trap 'echo bye' EXIT
exit 9
"""
PERL = """
my %h; $h{$_ % 997} .= "$_," for 1..60000;
my $n = 0; $n += length for values %h;
my @s = sort { $h{$a} cmp $h{$b} } keys %h;
my $t = join "-", @s; $t =~ s/(\\d)-(\\d)/$2+$1/g;
print "$n $s[0] ", length $t, "\\n"; exit 4;
"""
NODE = """
const kept = new Map();
for (let i = 0; i < 60000; i++) kept.set('k' + i % 5000, Buffer.alloc(i % 700, i));
let sum = 0; for (const b of kept.values()) sum += b.length;
const z = require('zlib').deflateSync(Buffer.alloc(300000, 'heap'));
console.log(sum, require('zlib').inflateSync(z).length); process.exitCode = 6;
"""
LUA = """
local kept, sum = {}, 0
for i = 1, 60000 do kept[i % 3000] = ("x"):rep(i % 300) .. i end
for _, s in pairs(kept) do sum = sum + #s end
local parts = {}
for i = 1, 5000 do parts[#parts + 1] = string.format("%05d", (i * 7919) % 10007) end
table.sort(parts)
print(sum, #table.concat(parts), parts[1], parts[#parts])
os.exit(2)
"""


# The largest program that a Java runtime has without a compiler: it reads and digests every certificate.
KEYTOOL = ("-m", "java.base/sun.security.tools.keytool.Main", "-list", "-v", "-cacerts", "-storepass", "changeit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A program, the Debian package that has it, and how it is run; `{folder}` is a folder with the files below."""

    program: str
    package: str
    arguments: tuple[str, ...] = ()
    stdin: str = ""


CASES = {
    "python3 threads": Case(program="python3", package="python3", arguments=("-c", THREADS)),
    "python3 fork": Case(program="python3", package="python3", arguments=("-c", FORK)),
    "python3 multiprocessing": Case(program="python3", package="python3", arguments=("{folder}/pool.py",)),
    "python3 ssl": Case(program="python3", package="python3", arguments=("-c", SSL)),
    "python3 sqlite3": Case(program="python3", package="python3", arguments=("-c", SQLITE_MODULE)),
    "git": Case(
        program="git", package="git", arguments=("-C", "{folder}/repository", "log", "--stat", "-p", "--graph")
    ),
    "g++": Case(program="g++", package="g++", arguments=("-std=c++17", "-O1", "-S", "-o", "-", "{folder}/main.cpp")),
    "compiled by g++": Case(program="{folder}/main", package="g++"),
    "sqlite3": Case(program="sqlite3", package="sqlite3", arguments=(":memory:",), stdin=SQL),
    "bash": Case(program="bash", package="bash", arguments=("-c", PIPELINE)),
    "perl": Case(program="perl", package="perl", arguments=("-e", PERL)),
    "node": Case(program="node", package="nodejs", arguments=("-e", NODE)),
    "java": Case(program="java", package="default-jre-headless", arguments=KEYTOOL),
    "lua": Case(program="lua5.4", package="lua5.4", arguments=("-e", LUA)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    stdout: str
    stderr: str
    status: int


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files the programs work on."""
    folder = tmp_path_factory.mktemp("smoke")
    (folder / "pool.py").write_text(MULTIPROCESSING)
    (folder / "main.cpp").write_text(CPP)
    compiler = program("g++", "g++")
    subprocess.run([compiler, "-std=c++17", "-pthread", folder / "main.cpp", "-o", folder / "main"], check=True)
    repository(folder / "repository")
    return folder


def repository(folder: Path) -> None:
    identity = ["-c", "user.name=Smoke", "-c", "user.email=smoke@example.org"]
    git = [program("git", "git"), *identity, "-C", str(folder)]
    folder.mkdir()
    subprocess.run([*git, "init", "--quiet"], check=True)
    for number in range(5):
        (folder / "file").write_text("".join(f"line {line * number}\n" for line in range(300)))
        subprocess.run([*git, "add", "file"], check=True)
        subprocess.run([*git, "commit", "--quiet", "-m", f"change {number}"], check=True)


def ending(case: Case, folder: Path, environment: dict[str, str]) -> Ending:
    name = case.program.replace("{folder}", str(folder))
    command = [program(name, case.package), *(word.replace("{folder}", str(folder)) for word in case.arguments)]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, input=case.stdin, capture_output=True, text=True, check=False, timeout=120
    )
    return Ending(stdout=done.stdout, stderr=done.stderr, status=done.returncode)


@functools.cache
def without(name: str, folder: Path) -> Ending:
    environment = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    return ending(CASES[name], folder, environment)


@pytest.mark.parametrize("allocator", ALLOCATORS)
@pytest.mark.parametrize("name", CASES)
def test_same_output_and_status(name: str, allocator: str, folder: Path, tmp_path: Path) -> None:
    journal = tmp_path / "witness"
    journal.touch()
    swapped = ending(CASES[name], folder, preloading(allocator, "witness", HEAPSWAP_WITNESS=str(journal)))
    assert swapped == without(name, folder)
    assert swapped.stdout
    assert f"/{allocator}.".encode() in journal.read_bytes(), "the allocator was not in force"


def under_the_probe(name: str, folder: Path, files: Path, *behind: str) -> None:
    """Nothing is said or ended differently, and the probe was there."""
    observed = ending(CASES[name], folder, preloading("probe", *behind, HEAPSWAP_PROBE=str(files)))
    assert observed == without(name, folder)
    counted = list(wire.read_all(files))
    assert sum(int(file.tallies("classes")[:, 0].sum()) for file in counted) > 100
    for allocator in behind:
        assert any(f"/{allocator}." in file.header.library for file in counted), "the allocator was not in force"


@pytest.mark.parametrize("name", CASES)
def test_same_under_the_probe(name: str, folder: Path, tmp_path: Path) -> None:
    under_the_probe(name, folder, tmp_path)


@pytest.mark.acceptance
@pytest.mark.parametrize("allocator", ALLOCATORS)
@pytest.mark.parametrize("name", CASES)
def test_same_under_the_probe_with_an_allocator_behind(name: str, allocator: str, folder: Path, tmp_path: Path) -> None:
    under_the_probe(name, folder, tmp_path, allocator)


def while_recorded(name: str, folder: Path, file: Path, *behind: str) -> None:
    """Nothing is said or ended differently, and the recording is whole."""
    with Recording(file, Limits(), (name,)) as recording:
        observed = ending(CASES[name], folder, recording.environ(preloading(*behind)))
        state = recording.finish()
    assert observed == without(name, folder)
    assert (state.reason, state.processes_refused, state.threads_refused) == (Reason.ENDED, 0, 0)
    answer = subprocess.run([tracer(), "summary", file], capture_output=True, text=True, check=True)
    seen = json.loads(answer.stdout)
    assert seen["events"] == state.events > 100
    # What a child frees of its parent's is known to nobody; otherwise every block was seen.
    assert seen["unordered"] == 0
    assert state.processes > 1 or seen["unknown_frees"] == 0


@pytest.mark.acceptance
@pytest.mark.parametrize("behind", [(), ("jemalloc",), ("mimalloc",)])
@pytest.mark.parametrize("name", CASES)
def test_same_while_recorded(name: str, behind: tuple[str, ...], folder: Path, tmp_path: Path) -> None:
    while_recorded(name, folder, tmp_path / "trace.heap", *behind)
