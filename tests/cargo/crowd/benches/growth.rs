//! Vectors that grow: `cargo bench --bench growth`.

fn main() {
    let mut total = 0usize;
    for size in 1..400usize {
        let rows: Vec<Vec<u8>> = (0..size).map(|row| vec![row as u8; row % 97 + 1]).collect();
        total += rows.iter().map(Vec::len).sum::<usize>();
    }
    println!("{total} bytes");
}
