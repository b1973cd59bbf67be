"""source: every declaration the compiler could see, under its condition, and nothing else."""

from pathlib import Path

from heapswap.cargo.source import Found, What, found_in
from tests.cargo.projects import written


def found(folder: Path, main: str, **files: str) -> tuple[Found, ...]:
    written(folder, {"main.rs": main, **files})
    return found_in(folder / "main.rs")


def names(rows: tuple[Found, ...]) -> dict[str, str]:
    return {row.name: str(row.condition) for row in rows if row.what is What.ALLOCATOR and not row.macro}


STATIC = "#[global_allocator] static {0}: T = T;"


def test_a_declaration_is_its_static_with_name_type_and_line(tmp_path: Path) -> None:
    (row,) = found(tmp_path, "\n#[global_allocator]\npub(crate) static GLOBAL: a::b::MiMalloc = a::b::MiMalloc;\n")
    assert (row.what, row.name, row.type, row.line) == (What.ALLOCATOR, "GLOBAL", "a::b::MiMalloc", 3)
    assert (row.file, row.module, row.macro, str(row.condition)) == (str(tmp_path / "main.rs"), (), "", "all()")


def test_comments_strings_and_documentation_declare_nothing(tmp_path: Path) -> None:
    source = f"""
        // {STATIC}
        /* {STATIC} */
        //! {STATIC}
        /// {STATIC}
        #[doc = "{STATIC}"]
        const TEXT: &str = "{STATIC}";
        const RAW: &str = r#"{STATIC}"#;
    """
    assert found(tmp_path, source) == ()


def test_conditions_of_the_static_its_module_and_its_file_add_up(tmp_path: Path) -> None:
    rows = found(
        tmp_path,
        '#[cfg(feature = "a")] mod inner { #![cfg(unix)] pub mod deep; }\n'
        + '#[cfg(feature = "b")] #[cfg(not(windows))] '
        + STATIC.format("HERE"),
        **{"inner/deep.rs": '#![cfg(target_os = "linux")]\n' + STATIC.format("DEEP")},
    )
    assert names(rows) == {
        "DEEP": 'all(feature = "a", unix, target_os = "linux")',
        "HERE": 'all(feature = "b", not(windows))',
    }
    assert rows[0].module == ("inner", "deep")


def test_module_files_are_found_as_the_compiler_finds_them(tmp_path: Path) -> None:
    rows = found(
        tmp_path,
        'mod flat; mod folder; #[path = "other/name.rs"] mod renamed; mod missing;'
        '#[cfg_attr(unix, path = "unix.rs")] #[cfg_attr(windows, path = "windows.rs")] mod either;',
        **{
            "flat.rs": "mod below; " + STATIC.format("FLAT"),
            "flat/below.rs": STATIC.format("BELOW"),
            "folder/mod.rs": "mod beside; " + STATIC.format("FOLDER"),
            "folder/beside.rs": STATIC.format("BESIDE"),
            "other/name.rs": "mod sibling;",
            "other/sibling.rs": STATIC.format("SIBLING"),
            "unix.rs": STATIC.format("UNIX"),
            "windows.rs": STATIC.format("WINDOWS"),
            "unused.rs": STATIC.format("UNUSED"),
        },
    )
    assert names(rows) == {
        **dict.fromkeys(("FLAT", "BELOW", "FOLDER", "BESIDE", "SIBLING"), "all()"),
        "UNIX": "unix",
        "WINDOWS": "all(not(unix), windows)",
    }


def test_cfg_attr_hands_out_the_attribute(tmp_path: Path) -> None:
    rows = found(tmp_path, '#[cfg_attr(feature = "a", allow(x), global_allocator)] static A: T = T;')
    assert names(rows) == {"A": 'feature = "a"'}


def test_the_branches_of_cfg_if_exclude_each_other(tmp_path: Path) -> None:
    rows = found(
        tmp_path,
        "cfg_if::cfg_if! { if #[cfg(unix)] { "
        + STATIC.format("FIRST")
        + ' } else if #[cfg(feature = "a")] { '
        + STATIC.format("SECOND")
        + " } else { "
        + STATIC.format("THIRD")
        + " } }",
    )
    assert names(rows) == {
        "FIRST": "unix",
        "SECOND": 'all(not(unix), feature = "a")',
        "THIRD": 'all(not(unix), not(feature = "a"))',
    }


def test_the_body_of_a_macro_declares_nothing_by_itself(tmp_path: Path) -> None:
    rows = found(
        tmp_path,
        f"macro_rules! choose {{ () => {{ {STATIC.format('A')} }} }}\n"
        f"fn f() {{ let tokens = quote! {{ {STATIC.format('B')} }}; }}\nitems!({STATIC.format('C')});",
    )
    assert [(row.name, row.macro) for row in rows] == [("A", "macro_rules!"), ("B", "quote!"), ("C", "items!")]


def test_inside_functions_and_included_files_too(tmp_path: Path) -> None:
    rows = found(
        tmp_path,
        f'fn main() {{ if true {{ let a = vec![1]; {STATIC.format("INSIDE")} }} }} include!("more.in");',
        **{"more.in": STATIC.format("INCLUDED")},
    )
    assert names(rows) == {"INSIDE": "all()", "INCLUDED": "all()"}


def test_a_file_that_includes_itself_ends(tmp_path: Path) -> None:
    assert found(tmp_path, 'include!("main.rs");') == ()


def test_refusals_are_found_with_their_condition(tmp_path: Path) -> None:
    (row,) = found(tmp_path, '#[cfg(all(feature = "a", feature = "b"))]\ncompile_error!("not both");')
    assert (row.what, str(row.condition)) == (What.REFUSAL, 'all(feature = "a", feature = "b")')
