"""The page on which a person reviews new clips: static HTML, our own CSS and JavaScript (assets/), one file of data."""
