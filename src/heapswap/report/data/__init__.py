"""An artifact as tables of values: CSV, Parquet, data frames."""
