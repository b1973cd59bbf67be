// Every call in between is inlined: only debugging information tells who asked.
#include <memory>
#include <string>
#include <vector>

const void *volatile kept;

struct Table {
    std::vector<long> cells;
    __attribute__((always_inline)) inline void fill(std::size_t size) {
        cells = std::vector<long>(size, 1);
        kept = cells.data();
    }
};

__attribute__((always_inline)) inline void name() {
    std::string text(500, 'x');
    kept = text.data();
}

__attribute__((noinline)) void work() {
    Table table;
    table.fill(1000);
    name();
}

int main() {
    for (int k = 0; k < 20000; k++)
        work();
}
