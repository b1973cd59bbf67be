"""Figures to explore, one file a question, as the plain objects that Plotly draws."""
