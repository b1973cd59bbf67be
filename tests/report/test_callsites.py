"""Names of functions as there is room for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from heapswap.report.callsites import LONGEST, shortened


@pytest.mark.parametrize(
    ("function", "shown"),
    [
        ("operator new(unsigned long)", "operator new(unsigned long)"),
        (
            "std::vector<std::pair<std::string, int>, std::allocator<std::pair<std::string,int> > >::_M_g<int&>(int&)",
            "std::vector<…>::_M_g<…>(int&)",
        ),
        (
            "a::operator<< <std::char_traits<char> >(std::basic_ostream<char, std::char_traits<char> >&, char const*)",
            "a::operator<< <…>(std::basic_ostream<…>&, char const*)",
        ),
        (
            "(anonymous namespace)::frob<std::vector<std::vector<int>>>::operator()(std::string, std::vector<int>)",
            "(anonymous namespace)::frob<…>::operator()(…)",
        ),
        (
            "<alloc::vec::Vec<T,A> as core::iter::traits::collect::Extend<T>>::extend_desugared -> core::num::A",
            "<…>::extend_desugared -> core::num::A",
        ),
        ("x" * 90, "x" * 59 + "…"),
        ("unbalanced>" * 9, ("unbalanced>" * 9)[:59] + "…"),
    ],
)
def test_what_templates_and_parameters_add_gives_way(function: str, shown: str) -> None:
    assert shortened(function) == shown


@given(st.text("<>()-operator& ,a:界", max_size=200))
def test_no_name_is_longer(function: str) -> None:
    assert cell_len(shortened(function)) <= LONGEST
    assert shortened(function) == function or cell_len(function) > LONGEST
