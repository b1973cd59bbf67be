"""Known parts of all bytes: `outright` asks for six, `generated` for two, `in_a_thread` three, `méthode` one."""

import threading

ROUNDS = 400


def outright() -> None:
    for _ in range(6):
        bytearray(10_000)


def numbers() -> object:
    for _ in range(2):
        yield bytearray(10_000)


def generated() -> None:
    for _ in numbers():  # type: ignore[attr-defined]
        pass


class Named:
    def méthode(self) -> None:  # noqa: PLC2401 - it is what is tested
        list(map(lambda _: bytearray(10_000), range(1)))  # noqa: C417


def in_a_thread() -> None:
    for _ in range(3 * ROUNDS):
        bytearray(10_000)


thread = threading.Thread(target=in_a_thread)
thread.start()
for _ in range(ROUNDS):
    outright()
    generated()
    Named().méthode()
thread.join()
