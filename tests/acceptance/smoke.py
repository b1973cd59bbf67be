"""Well-known programs under every bundled candidate: the same output and exit status as without."""

from collections.abc import Callable

from tests.acceptance.corpus import HEAPSWAP
from tests.acceptance.evidence import Evidence, Output
from tests.acceptance.line import Line, Result

BUNDLED = {
    # candidate: its library
    "mimalloc": "mimalloc",
    "mimalloc@2": "mimalloc_v2",
    "mimalloc+secure": "mimalloc_secure",
    "jemalloc": "jemalloc",
    "snmalloc": "snmalloc",
}

PYTHON_THREADS = """
import threading
words = []
def work(number): words.append(sum(len(str(i) * number) for i in range(20000)))
threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
[thread.start() for thread in threads]; [thread.join() for thread in threads]
print(sorted(words))
"""
PYTHON_FORK = """
import os
kept = [bytes(1000 + i) for i in range(20000)]
for number in range(20):
    if (pid := os.fork()) == 0:
        kept = [bytes(i) for i in range(3000)]
        os._exit(number)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
PYTHON_MULTIPROCESSING = """
from multiprocessing import Pool
with Pool(4) as pool:
    print(sum(pool.map(len, [b"x" * n for n in range(0, 200000, 1000)])))
"""
PYTHON_SSL = """
import hashlib, ssl
context = ssl.create_default_context()
out, back = ssl.MemoryBIO(), ssl.MemoryBIO()
tls = context.wrap_bio(back, out, server_hostname="localhost")
try:
    tls.do_handshake()
except ssl.SSLWantReadError:
    print("hello of", out.pending > 100, hashlib.sha256(b"x" * 1000000).hexdigest())
"""
CPP = """
folder=$(mktemp -d); trap 'rm -r "$folder"' EXIT
cat > "$folder/sort.cpp" <<'SOURCE'
#include <iostream>
#include <map>
#include <string>
int main() {
    std::map<std::string, int> lengths;
    for (int i = 0; i < 100000; i++) lengths[std::to_string(i * 7919 % 100003)] = i;
    std::cout << lengths.size() << ' ' << lengths.begin()->first << ' ' << lengths.rbegin()->first << '\\n';
}
SOURCE
g++ -std=c++17 -O1 "$folder/sort.cpp" -o "$folder/sort" && "$folder/sort"
"""
SQLITE = (
    "with recursive n(x) as (values (1) union all select x + 1 from n where x < 200000) "
    "select x % 7, count(*), sum(length(hex(x) || x)) from n group by 1 order by 2, 1;"
)
BASH = (
    'for i in {1..5000}; do words+=("word$i"); done; printf "%s\\n" "${words[@]}" | sort | tail -n 3; ls / >/dev/null'
)
PERL = 'my %h; $h{$_ % 977} .= "x" x ($_ % 50) for 1..200000; print join(",", map { length $h{$_} } 0..9), "\\n"'
NODE = "const m = new Map(); for (let i = 0; i < 2e5; i++) m.set('k' + i % 999, [i]); console.log(m.size, m.get('k7'))"
LUA = "local t = {} for i = 1, 2e5 do t[i % 977] = ('x'):rep(i % 300) end print(#t, #t[5])"

PROGRAMS: dict[str, list[str]] = {
    "python3, threads": ["python3", "-c", PYTHON_THREADS],
    "python3, fork": ["python3", "-c", PYTHON_FORK],
    "python3, multiprocessing": ["python3", "-c", PYTHON_MULTIPROCESSING],
    "python3, ssl": ["python3", "-c", PYTHON_SSL],
    # The oldest commits: the newest may change while this runs.
    "git": ["bash", "-c", "git log --reverse --stat | head -n 100"],
    "g++ and what it compiled": ["bash", "-c", CPP],
    "sqlite3": ["sqlite3", ":memory:", SQLITE],
    "bash": ["bash", "-c", BASH],
    "perl": ["perl", "-e", PERL],
    "node": ["node", "-e", NODE],
    "java": ["java", "-version"],
    "lua": ["lua5.4", "-e", LUA],
}


def unchanged(program: str) -> Callable[[Evidence], Result]:
    """The program must say and return the same under every bundled candidate."""

    def line(evidence: Evidence) -> Result:
        name, argv = program.replace(" ", "-").replace(",", ""), PROGRAMS[program]
        plain = evidence.command(name, argv, timeout=300)
        swapped = {candidate: run(evidence, name, candidate, argv) for candidate in BUNDLED}
        different = [candidate for candidate, output in swapped.items() if output != plain]
        figure = f"same under {', '.join(BUNDLED)}" if not different else f"different under {', '.join(different)}"
        return Result(
            figure=f"exit status {plain.status}, {figure}",
            held=not different and plain.status == 0 and bool(plain.stdout or plain.stderr),
        )

    return line


def present(evidence: Evidence) -> Result:
    """Without this, a `run` that did nothing would hold every other line."""
    absent = [
        candidate
        for candidate, library in BUNDLED.items()
        if f"/_native/{library}." not in run(evidence, "maps", candidate, ["cat", "/proc/self/maps"]).stdout
    ]
    return Result(figure=f"absent: {', '.join(absent)}" if absent else f"all {len(BUNDLED)} there", held=not absent)


def redis_server(evidence: Evidence) -> Result:
    """Debian's redis-server calls functions that only its own jemalloc has: another one would crash it."""
    argv = ["redis-server", "--version"]
    plain = evidence.command("redis-server", argv)
    refused = {candidate: run(evidence, "redis-server", candidate, argv) for candidate in BUNDLED}
    wrong = [name for name, output in refused.items() if output.status != 3 or "jemalloc" not in output.stderr]
    return Result(
        figure=f"not refused under {', '.join(wrong)}" if wrong else refused["mimalloc"].stderr.strip(),
        held=plain.status == 0 and not wrong,
    )


def broken_pipe(evidence: Evidence) -> Result:
    output = run(evidence, "yes-head", "mimalloc", ["bash", "-c", "yes | head -1"])
    said = output.stdout + output.stderr
    return Result(figure=f"exit status {output.status}, prints {said!r}", held=said == "y\n" and output.status == 0)


def run(evidence: Evidence, name: str, candidate: str, argv: list[str]) -> Output:
    """The command under one candidate."""
    words = [HEAPSWAP, "run", candidate, "--", *argv]
    return evidence.command(f"{name}-under-{candidate}", words, timeout=300)


LINES = (
    Line(promise="each bundled library is mapped in the program that runs under it", measure=present),
    *(Line(promise=f"{program}: the same as without", measure=unchanged(program)) for program in PROGRAMS),
    Line(promise="redis-server: refused, with its finding", measure=redis_server),
    Line(promise="heapswap run mimalloc -- bash -c 'yes | head -1' prints one line", measure=broken_pipe),
)
